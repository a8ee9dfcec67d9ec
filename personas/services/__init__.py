"""What people can do with personas, one module a subject."""
