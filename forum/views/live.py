"""The live stream of a topic; runs on the event loop (`forllm/asgi.py`)."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from forum import live
from llmqueue.live import streams


@require_GET
async def topic_stream(request: HttpRequest, topic_id: int) -> HttpResponseBase:
    """Server-sent events of the topic's running replies (see `llmqueue.live.streams`)."""
    scope, find = live.scope_of(topic_id), live.open_leases(topic_id)
    return streams.answer(request, scope, find, find_heard=live.find_heard)
