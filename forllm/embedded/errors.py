"""What stops `manage.py up` with one clear line."""


class StartRefused(Exception):
    """The site cannot start; the message is for the person at the terminal."""
