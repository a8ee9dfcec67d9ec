"""The pages of personas, one module a subject."""
