"""`python -m tests.forge`: workers, and web servers as `manage.py up` runs them.

A line {"log": path, "program": "worker" or "web", "options": [...]} starts one.
"""

import importlib
from typing import Any

import django

from tests.forge.serving import serve


def main() -> None:
    django.setup()
    from django.core.management import call_command

    from forllm.celery import app
    from llmconfig import client

    app.loader.import_default_modules()
    client.warm_up()
    # The web server's middleware reads which static files there are.
    call_command("collectstatic", interactive=False, verbosity=0)
    for module in ("forllm.asgi", "forllm.connections", "uvicorn.main"):
        importlib.import_module(module)
    serve(_become)


def _become(order: dict[str, Any]) -> None:
    if order["program"] == "web":
        from uvicorn.main import main as serve_web

        serve_web(["forllm.asgi:application", *order["options"]])
    else:
        from forllm.celery import app

        app.worker_main(["worker", *order["options"]])


if __name__ == "__main__":
    main()
