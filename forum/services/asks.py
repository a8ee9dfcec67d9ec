"""Asking personas to answer posts."""

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User
from forum.errors import (
    AINotAvailable,
    NotAllowed,
    PersonaNotOffered,
    PostDeleted,
    TopicLocked,
)
from forum.models import Ask, Post, Subforum, SubforumPersona, Topic
from llmconfig.models import AISettings
from llmqueue import services as queue
from llmqueue.errors import AlreadyEnded
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest, Status
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
    if post.deleted_at:
        raise PostDeleted
    if topic.is_locked:
        raise TopicLocked
    if not (queue.ai_is_on() and ai_enabled_for(member)):
        raise AINotAvailable
    offered = offered_personas(topic.subforum, member)
    if persona is not None and not offered.filter(pk=persona.pk).exists():
        raise PersonaNotOffered
    request = queue.enqueue(
        kind=REPLY,
        inputs=inputs_for(topic=topic, member=member, persona=persona, **chosen),
        place=("subforum", str(topic.subforum_id)),
        idempotency_key=key,
        retry_of=retry_of,
    )
    return Ask.objects.create(post=post, request=request)


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


def inputs_for(
    *,
    topic: Topic,
    member: User | None,
    persona: Persona | None = None,
    **chosen: object,
) -> Inputs:
    """What decides who answers in `topic`; `chosen` is what a request fixes besides."""
    assignments = list(
        SubforumPersona.objects.filter(
            subforum=topic.subforum_id, persona__is_active=True
        ).select_related("persona")
    )
    defaults = [entry.persona for entry in assignments if entry.is_default]
    return Inputs(
        member=member,
        persona=persona,
        assigned=frozenset(entry.persona_id for entry in assignments),
        place_default=defaults[0] if defaults else None,
        place_profile=topic.subforum.profile,
        **chosen,  # type: ignore[arg-type]
    )


def offered_personas(subforum: Subforum, member: object) -> QuerySet[Persona]:
    """Personas `member` may ask in `subforum`, by name: those assigned, else all."""
    assigned = SubforumPersona.objects.filter(
        subforum=subforum, persona__is_active=True
    ).values_list("persona_id", flat=True)
    usable = Persona.objects.usable_by(member)
    return usable.offered_in(list(assigned)).order_by("name")


def cancel_ask(*, ask: Ask, member: User) -> None:
    """Cancel an open ask. Raises NotAllowed, or AlreadyEnded when it has ended."""
    if not ask.may_be_managed_by(member):
        raise NotAllowed
    queue.cancel(request=ask.request, reason=f"Cancelled by @{member.handle.name}.")


def retry_ask(*, ask: Ask, member: User) -> Ask:
    """Ask again after a failed or cancelled ask; the new request names the old one.

    What was chosen for the old request holds for the new one. Raises NotAllowed, or what
    `ask` raises. A second press, whoever's, returns the same new ask.
    """
    old = ask.request
    if not ask.may_be_managed_by(member) or old.status == Status.COMPLETE:
        raise NotAllowed
    if old.is_open:
        return ask
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


def cancel_open_on(*, post: Post, reason: str) -> None:
    """Cancel what still waits or runs for `post`, which is about to go."""
    entries = Ask.objects.open().filter(post=post).select_related("request")
    # In one order, so that two who delete at once do not wait for each other.
    for entry in entries.order_by("request_id"):
        try:
            queue.cancel(request=entry.request, reason=reason, error_class="gone")
        except AlreadyEnded:  # it was delivered this moment, and stays
            continue
