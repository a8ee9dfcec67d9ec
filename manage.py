#!/usr/bin/env python
"""FORLLM's commands: `manage.py up` starts everything, `help` lists the others."""

import os
import sys


def main() -> None:
    """Run a command; what is wrong with the settings is said in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forllm.settings")
    try:
        if sys.argv[1:2] == ["up"]:
            # Before Django is set up: this process only watches the others.
            from forllm.embedded.up import main as up

            sys.exit(up(sys.argv[2:]))
        from django.core.exceptions import ImproperlyConfigured
        from django.core.management import execute_from_command_line
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("forllm"):
            raise
        sys.exit(f"{error.name} is not installed: use `make run`, or .venv/bin/python.")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
