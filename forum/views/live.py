"""The live stream of a topic; runs on the event loop (`forllm/asgi.py`)."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from forum import live


@require_GET
async def topic_stream(request: HttpRequest, topic_id: int) -> HttpResponseBase:
    """Server-sent events of the topic's running replies (see `forum.live.events`)."""
    if not live.token_is_good(request, topic_id):
        # Not 200, so that the browser does not try again: the page polls instead.
        return HttpResponse("This address has expired.", status=403)
    response = StreamingHttpResponse(
        live.events(request, topic_id), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response
