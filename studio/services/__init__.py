"""What people can do in the studio, one module a subject."""
