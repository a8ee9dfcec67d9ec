"""Asking personas to answer posts."""

from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User
from forum.errors import (
    AINotAvailable,
    PersonaNotOffered,
)
from forum.models import Ask, Post, Subforum, SubforumPersona, Topic
from llmconfig.models import AISettings
from llmqueue import services as queue
from llmqueue.errors import AlreadyEnded, Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest
from llmqueue.resolution import resolve
from personas.models import Persona

REPLY = "reply"


def ask(
    *,
    post: Post,
    member: User,
    persona: Persona | None = None,
    key: str = "",
) -> Ask:
    """Queue a reply to `post`; `persona` None leaves the choice to the resolution order.

    `key` names one press of the button: a second ask of the member with the same key
    returns the first. Raises TopicLocked, PostDeleted, PersonaNotOffered or
    AINotAvailable, having written nothing.
    """
    try:
        return _ask(post, member, persona, key=key)
    except IntegrityError:  # pressed at the same time in two topics
        repeated = _asked_before(member, key)
        if repeated is None:
            raise
        return repeated


@transaction.atomic
def _ask(
    post: Post,
    member: User,
    persona: Persona | None,
    *,
    key: str = "",
    retry_of: LLMRequest | None = None,
    **chosen: object,
) -> Ask:
    # The lock makes asking and locking the topic happen one after the other.
    topic = Topic.objects.hold(post.topic_id)
    if earlier := _asked_before(member, key) or _retried_before(retry_of):
        return earlier
    post = Post.objects.get(pk=post.pk)
    if refusal := post.why_not_asked(topic):
        raise refusal
    if not (queue.ai_is_on() and ai_enabled_for(member)):
        raise AINotAvailable
    offered = offered_personas(topic.subforum, member)
    if persona is not None and not offered.filter(pk=persona.pk).exists():
        raise PersonaNotOffered
    request = queue.enqueue(
        kind=REPLY,
        inputs=inputs_for(
            subforum=topic.subforum, member=member, persona=persona, **chosen
        ),
        place=place_of(topic.subforum_id),
        idempotency_key=key,
        retry_of=retry_of,
    )
    return Ask.objects.create(post=post, request=request)


def place_of(subforum_id: int) -> tuple[str, str]:
    """How the queue names a subforum: (kind, key)."""
    return "subforum", str(subforum_id)


def _asked_before(member: User, key: str) -> Ask | None:
    """The ask this press of the button has made already.

    Looked up under the topic's lock: an INSERT that met the unique key would wait for a
    delivery of that very request, which waits for the topic.
    """
    if not key:
        return None
    return Ask.objects.filter(
        request__requested_by=member, request__idempotency_key=key
    ).first()


def _retried_before(request: LLMRequest | None) -> Ask | None:
    """The ask that took the place of this request already, whoever asked again."""
    if request is None:
        return None
    return Ask.objects.filter(request__retry_of=request).first()


def ai_enabled_for(member: User) -> bool:
    """Whether the member has AI switched on for themselves."""
    return not AISettings.objects.filter(user=member, ai_enabled=False).exists()


def assignments_in(subforums: Collection[int]) -> dict[int, list[SubforumPersona]]:
    """The active personas assigned to these subforums, by subforum; one query."""
    rows = SubforumPersona.objects.filter(
        subforum__in=subforums, persona__is_active=True
    ).select_related("persona")
    found: dict[int, list[SubforumPersona]] = {}
    for row in rows:
        found.setdefault(row.subforum_id, []).append(row)
    return found


def inputs_for(*, subforum: Subforum, member: User | None, **chosen: Any) -> Inputs:
    """What decides who answers there; `chosen` is what a request fixes besides."""
    found = assignments_in([subforum.pk])
    assignments = found.get(subforum.pk, [])
    return inputs_in(subforum, assignments, member=member, **chosen)


def inputs_in(
    subforum: Subforum,
    assignments: list[SubforumPersona],
    *,
    member: User | None,
    **chosen: Any,
) -> Inputs:
    """As `inputs_for`, of `assignments` that are read already."""
    defaults = [entry.persona for entry in assignments if entry.is_default]
    return Inputs(
        member=member,
        assigned=frozenset(entry.persona_id for entry in assignments),
        place_default=defaults[0] if defaults else None,
        place_profile=subforum.profile,
        **chosen,
    )


def offered_personas(subforum: Subforum, member: object) -> QuerySet[Persona]:
    """Personas `member` may ask in `subforum`, by name: those assigned, else all."""
    assigned = SubforumPersona.objects.filter(
        subforum=subforum, persona__is_active=True
    ).values_list("persona_id", flat=True)
    usable = Persona.objects.usable_by(member)
    return usable.offered_in(list(assigned)).order_by("name")


def default_provider() -> str | None:
    """The provider that answers where nothing was chosen; blank: no model is on.

    None: something other than a model is missing.
    """
    try:
        return resolve(Inputs(member=None)).choice.endpoint.provider
    except Refused as refusal:
        return "" if refusal.error_class == "no_model" else None


def ask_again(*, ask: Ask, member: User) -> Ask:
    """Ask anew for what ended without an answer; the new request names the old one.

    What was chosen for the old request holds for the new one. Raises what `ask` raises.
    A second press, whoever's, returns the same new ask.
    """
    old = ask.request
    return _ask(
        ask.post,
        member,
        old.persona,
        retry_of=old,
        config=old.config,
        endpoint=old.endpoint,
        mode=old.mode,
    )


def erase(post: Post) -> None:
    """Blank what the queue keeps of a post whose text is deleted."""
    answer = Ask.objects.filter(reply=post).select_related("request").first()
    queue.erase(
        source=("post", str(post.pk)), answered_by=answer.request if answer else None
    )


def cancel_open_on(*, post: Post, reason: str) -> list[Ask]:
    """Cancel what still waits or runs for `post`, which is about to go; these asks."""
    entries = Ask.objects.open().filter(post=post).select_related("request")
    # In one order, so that two who delete at once do not wait for each other.
    return [it for it in entries.order_by("request_id") if _cancel(it, reason)]


def _cancel(ask: Ask, reason: str) -> bool:
    try:
        queue.cancel(request=ask.request, reason=reason, error_class="gone")
    except AlreadyEnded:  # it was delivered this moment, and stays
        return False
    return True
