"""The pages of models, one module a subject."""
