"""What people can do with models, one module a subject."""
