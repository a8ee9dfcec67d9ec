"""Pages and live streams from one port.

Pages go through the WSGI handler in a few threads, because Django's ASGI handler costs
them 1.4 to 2.5 times the CPU; only `/live/` needs an event loop.
"""

import os
from typing import Any, cast

from a2wsgi import WSGIMiddleware
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "forllm.settings")

live = get_asgi_application()

from forllm.wsgi import application as pages  # noqa: E402  # after Django's set-up

_pages = WSGIMiddleware(cast(Any, pages), workers=8)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer `/live/` on the event loop and hand everything else to the pages."""
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["type"] == "http" and scope["path"].startswith("/live/"):
        return await live(scope, receive, send)
    return await _pages(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
