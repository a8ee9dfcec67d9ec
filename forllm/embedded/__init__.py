"""`manage.py up`: PostgreSQL, Valkey, a small model and FORLLM itself, from wheels.

Nothing in this package imports Django's models or the apps, so that the process which
watches the others stays small. `up` reads top to bottom; start there.
"""
