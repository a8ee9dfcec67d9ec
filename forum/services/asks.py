"""Asking personas to answer posts."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record
from forum import offers
from forum.errors import (
    AIOffForYou,
    AskerGone,
    CannotSee,
    ModelNotYours,
    PersonaNotOffered,
)
from forum.models import Ask, Post, Topic
from llmconfig.models import Endpoint, LLMConfig
from llmqueue import askers
from llmqueue import services as queue
from llmqueue.errors import Refused, Stopped
from llmqueue.handlers import Inputs
from llmqueue.models import LLMRequest
from llmqueue.resolution.bypassing import way_of
from personas.models import Persona

REPLY = "reply"


def ask(
    *,
    post: Post,
    member: User,
    persona: Persona | None = None,
    config: LLMConfig | None = None,
    endpoint: Endpoint | None = None,
    key: str = "",
    blindly: bool = False,
) -> Ask:
    """Queue a reply to `post`; None leaves that choice to the resolution order.

    `config` answers whatever else is set; `endpoint` asks for that provider, with the
    model that the member wishes of it. `key` names one press of the button: a second ask
    of the member with the same key returns the first. `blindly`: also of a model that does
    not see the pictures of `post`. Raises TopicLocked, PostDeleted, PersonaNotOffered,
    ModelNotYours, AIOffForYou, CannotSee or llmqueue's Stopped, LimitReached or
    TierNotAllowed, having written nothing.
    """
    try:
        return _ask(
            post,
            member,
            persona,
            key=key,
            config=config,
            endpoint=endpoint,
            blindly=blindly,
        )
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
    blindly: bool = True,
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
    if not askers.wants_ai(member):
        raise AIOffForYou
    # A retry keeps what was chosen; if that is not theirs any more, it is passed over.
    if retry_of is None and config is not None:
        check_model(config, member)
    inputs = _inputs(
        post, topic, member, persona, config=config, endpoint=endpoint, **chosen
    )
    if not blindly:
        _check_sees(inputs)
    request = queue.enqueue(
        kind=REPLY,
        inputs=inputs,
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


def _inputs(
    post: Post, topic: Topic, member: User, persona: Persona | None, **chosen: Any
) -> Inputs:
    """What decides who answers; raises PersonaNotOffered if `persona` may not."""
    assignments = offers.assignments_of(topic.subforum)
    offered = offers.offered_personas(assignments, member)
    if persona is not None and not offered.filter(pk=persona.pk).exists():
        raise PersonaNotOffered
    return offers.inputs_in(
        topic.subforum,
        assignments,
        member=member,
        persona=persona,
        pictures=post.images_count,
        **chosen,
    )


def _check_sees(inputs: Inputs) -> None:
    """Raise CannotSee if who would answer now is not shown the pictures.

    What nobody would answer as things stand is said when its turn comes.
    """
    if not inputs.pictures:
        return
    try:
        choice = way_of(inputs).receipt.choice
    except Refused:
        return
    if not choice.sees:
        what = "picture" if inputs.pictures == 1 else f"{inputs.pictures} pictures"
        raise CannotSee(
            f"{choice} cannot see the {what} of this post. Choose another model, or agree"
            " below that it is told the descriptions only."
        )


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
    """What their own switch says against the member's asking, to a page of theirs."""
    return None if askers.wanted_ai(member) else AIOffForYou()


def why_stopped_in(subforum_id: int) -> Stopped | None:
    """What keeps everybody from asking in a subforum just now, to pages that offer it."""
    try:
        queue.check_not_stopped(persona=None, place=place_of(subforum_id))
    except Stopped as stopped:
        return stopped
    return None


def check_model(config: LLMConfig, member: User) -> None:
    """Raise ModelNotYours if `config` is neither the site's nor the member's own."""
    if not config.is_usable_by(member):
        raise ModelNotYours


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


def hold_open_on(post: Post) -> list[Ask]:
    """What still waits or runs for `post`, its requests held in their one order."""
    found = Ask.objects.open().filter(post=post).select_related("request")
    held = found.select_for_update(of=["request"], no_key=True)
    return list(held.order_by("request"))


def cancel(*, held: Sequence[Ask], reason: str) -> None:
    """Cancel these, of `hold_open_on`, as their post goes.

    To be called once topic and post are held: what was set aside for them is given back,
    and limits are locked behind topics.
    """
    requests = [it.request for it in held]
    queue.cancel_all(requests=requests, reason=reason, error_class="gone")
