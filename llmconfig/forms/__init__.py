"""The forms of models, one module a subject."""
