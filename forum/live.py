"""The stream of one topic: who may read it, and what is in it."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from forum.models import Ask, Topic
from llmqueue.live import streams
from llmqueue.live.streams import FindLeases, Leases
from personas.models import Persona


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


def find_heard(reader: Any, leases: Leases) -> frozenset[UUID] | None:
    """Whose words are sent to the reader: not those of personas they muted."""
    if not Persona.objects.muted_by(reader).exists():
        return None
    heard = Ask.objects.written_for(reader).filter(request__public_id__in=leases)
    return frozenset(heard.values_list("request__public_id", flat=True))
