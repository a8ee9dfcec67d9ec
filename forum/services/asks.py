"""Asking personas to answer posts."""

from collections.abc import Collection
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record
from forum.errors import (
    AIOffForYou,
    AskerGone,
    ModelNotYours,
    PersonaNotOffered,
)
from forum.models import Ask, Post, Subforum, SubforumPersona, Topic
from llmconfig.models import Endpoint, LLMConfig
from llmqueue import askers
from llmqueue import services as queue
from llmqueue.errors import Refused
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest
from llmqueue.resolution.resolving import resolve
from personas.models import Persona, PersonaQuerySet

REPLY = "reply"


def ask(
    *,
    post: Post,
    member: User,
    persona: Persona | None = None,
    config: LLMConfig | None = None,
    endpoint: Endpoint | None = None,
    key: str = "",
) -> Ask:
    """Queue a reply to `post`; None leaves that choice to the resolution order.

    `config` answers whatever else is set; `endpoint` asks for that provider, with the
    model that the member wishes of it. `key` names one press of the button: a second ask
    of the member with the same key returns the first. Raises TopicLocked, PostDeleted,
    PersonaNotOffered, ModelNotYours, AIOffForYou or llmqueue's Stopped, having written
    nothing.
    """
    try:
        return _ask(post, member, persona, key=key, config=config, endpoint=endpoint)
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
    pressed_by: User | None = None,
    config: LLMConfig | None = None,
    endpoint: Endpoint | None = None,
    **chosen: object,
) -> Ask:
    # The lock makes asking and locking the topic happen one after the other.
    topic = Topic.objects.hold(post.topic_id)
    if earlier := _asked_before(member, key) or _retried_before(retry_of):
        return earlier
    post = Post.objects.get(pk=post.pk)
    if refusal := post.why_not_asked(topic):
        raise refusal
    place = place_of(topic.subforum_id)
    queue.check_not_stopped(persona=persona, place=place)
    if refusal := why_off_for(member):
        raise refusal
    # A retry keeps what was chosen; if that is not theirs any more, it is passed over.
    if retry_of is None and config is not None:
        check_model(config, member)
    assignments = assignments_of(topic.subforum)
    offered = offered_personas(assignments, member)
    if persona is not None and not offered.filter(pk=persona.pk).exists():
        raise PersonaNotOffered
    request = queue.enqueue(
        kind=REPLY,
        inputs=inputs_in(
            topic.subforum,
            assignments,
            member=member,
            persona=persona,
            config=config,
            endpoint=endpoint,
            **chosen,
        ),
        place=place,
        idempotency_key=key,
        retry_of=retry_of,
    )
    if retry_of is not None and pressed_by not in (None, member):
        record(
            actor=pressed_by,
            action="request asked_again",
            subject=("request", request.public_id),
            instead_of=str(retry_of.public_id),
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


def why_off_for(member: User) -> AIOffForYou | None:
    """What their own switch says against the member's asking."""
    return None if askers.wants_ai(member) else AIOffForYou()


def check_model(config: LLMConfig, member: User) -> None:
    """Raise ModelNotYours if `config` is neither the site's nor the member's own."""
    if config.owner_id not in (None, member.pk):
        raise ModelNotYours


def assignments_in(subforums: Collection[int]) -> dict[int, list[SubforumPersona]]:
    """The personas assigned to these subforums, by subforum; one query.

    Also those that nobody meets any more: a place is open to all only while none is
    assigned, and resolution passes them over.
    """
    rows = SubforumPersona.objects.filter(subforum__in=subforums)
    rows = rows.select_related("persona")
    found: dict[int, list[SubforumPersona]] = {}
    for row in rows:
        found.setdefault(row.subforum_id, []).append(row)
    return found


def assignments_of(subforum: Subforum) -> list[SubforumPersona]:
    """The same of one subforum."""
    return assignments_in([subforum.pk]).get(subforum.pk, [])


def inputs_in(
    subforum: Subforum,
    assignments: list[SubforumPersona],
    *,
    member: User | None,
    **chosen: Any,
) -> Inputs:
    """What decides who answers in `subforum`, which has these assignments.

    `chosen` is what a request fixes besides.
    """
    defaults = [entry.persona for entry in assignments if entry.answers_unasked]
    return Inputs(
        member=member,
        assigned=_narrowing(assignments),
        place_default=defaults[0] if defaults else None,
        place_profile=subforum.profile,
        **chosen,
    )


def offered_personas(
    assignments: list[SubforumPersona], member: object
) -> PersonaQuerySet:
    """Personas `member` may ask in a place with these assignments, by name."""
    usable = Persona.objects.usable_by(member)
    return usable.offered_in(_narrowing(assignments)).order_by("name")


def _narrowing(assignments: list[SubforumPersona]) -> frozenset[int]:
    """The assigned personas; none while none of the assignments narrows."""
    is_narrowed = any(entry.narrows for entry in assignments)
    return frozenset(entry.persona_id for entry in assignments if is_narrowed)


def subforums_offering(persona: Persona, member: object) -> list[Subforum]:
    """The subforums `member` may read in which `persona` is offered; two queries."""
    subforums = list(Subforum.objects.visible_to(member))
    assignments = assignments_in([it.pk for it in subforums])
    assigned = {key: _narrowing(entries) for key, entries in assignments.items()}
    nothing = frozenset[int]()
    return [
        it for it in subforums if persona.is_offered_in(assigned.get(it.pk, nothing))
    ]


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

    It is again the request of whoever asked, who is told how it ends and may cancel it;
    that it was another who pressed is written down. What was chosen for the old one
    holds. A second press, whoever's, returns the same new ask. Raises what `ask` raises,
    and AskerGone.
    """
    old = ask.request
    if old.requested_by is None:
        raise AskerGone
    return _ask(
        ask.post,
        old.requested_by,
        old.persona,
        retry_of=old,
        pressed_by=member,
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
    requests = [it.request for it in entries]
    # One that was delivered this moment stays.
    ended = queue.cancel_all(requests=requests, reason=reason, error_class="gone")
    return [it for it in entries if it.request_id in ended]
