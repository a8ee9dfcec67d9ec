"""The stream of one topic: who may read it, and what is in it."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from forum.models import Ask, Topic
from llmqueue.live import streams
from llmqueue.live.streams import FindLeases, Leases


def scope_of(topic_id: int) -> str:
    """What a token for the topic's stream is bound to."""
    return f"topic {topic_id}"


def stream_url(request: HttpRequest, topic: Topic) -> str:
    """The address of the topic's stream for this reader."""
    address = reverse("forum:topic_stream", args=[topic.pk])
    return streams.url_for(request, scope_of(topic.pk), address)


def open_leases(topic_id: int) -> FindLeases:
    """What finds the open requests of the topic, for a reader who may read it."""

    def find(reader: Any) -> Leases | None:
        if not Topic.objects.visible_to(reader).filter(pk=topic_id).exists():
            return None
        asks = Ask.objects.open().filter(post__topic=topic_id)
        return dict(asks.values_list("request__public_id", "request__lease_token"))

    return find
