"""What the forum does for requests of the kind `reply`."""

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet

from accounts.models import User
from forum.models import (
    PATH_DIGITS,
    Ask,
    NoticeKind,
    Post,
    Subforum,
    SubforumPersona,
    Topic,
)
from forum.services import asks, notices, posts
from llmqueue.errors import Refused
from llmqueue.handlers import Conversation, Inputs, Passage, Subject
from llmqueue.models import LLMAttempt, LLMRequest, Status
from personas.models import Persona


class ReplyHandler:
    """Checks, gathers and delivers a persona's reply to a post."""

    kind = asks.REPLY

    def inputs(self, request: LLMRequest) -> Inputs:
        """What decides who answers; raises Refused when nobody may any more."""
        ask = self._ask(request)
        topic = ask.post.topic
        self._check(request, ask.post, topic)
        return _inputs(request, topic, asks.assignments_in([topic.subforum_id]))

    def messages(self, request: LLMRequest, *, most_passages: int) -> Conversation:
        """The post to answer, its ancestors from the nearest, then the newest others.

        The opening post comes beside the `most_passages`, however far away it is.
        """
        target = self._ask(request).post
        topic = target.topic
        # Held until the prompt is stored: a post deleted meanwhile would stay in it.
        Topic.objects.hold(topic.pk)
        earlier = (
            Post.objects.filter(topic=topic, number__lt=target.number, deleted_at=None)
            .with_authors()
            .order_by("-number")
        )
        numbers = ancestor_numbers(target)
        above = earlier.filter(number__in=numbers, number__gt=1)[:most_passages]
        lineage = [*above, *earlier.filter(number=1)]
        room = max(0, most_passages - len(lineage))
        others = earlier.exclude(number__in=[1, *numbers])[:room]
        return Conversation(
            place=f"You are in the subforum {topic.subforum.name}.",
            title=topic.title,
            target=_passage(target),
            opening=1 if target.number > 1 else None,
            passages=[_passage(post) for post in (*lineage, *others)],
        )

    def deliver(self, attempt: LLMAttempt, *, text: str, html: str) -> None:
        """Post the reply under the post it answers; raises Refused if it may not stand.

        The topic is locked first, so that no lock or deletion slips in between.
        """
        request = attempt.request
        ask = self._ask(request)
        topic = Topic.objects.hold(ask.post.topic_id)
        post = Post.objects.get(pk=ask.post_id)
        self._check(request, post, topic)
        persona_id = attempt.persona_version.persona_id
        usable = Persona.objects.usable_by(request.requested_by)
        if not usable.filter(pk=persona_id).exists():
            raise Refused("persona_gone")
        ask.reply = posts.insert_post(
            topic=topic,
            parent=post,
            persona_version=attempt.persona_version,
            body=text,
            html=html,
        )
        ask.save(update_fields=["reply"])
        notices.notify(ask, NoticeKind.READY)

    def ended(self, request: LLMRequest, status: Status) -> None:
        """Notify whoever asked, if what they asked is still there."""
        is_failure = status == Status.ERROR
        kind = NoticeKind.FAILED if is_failure else NoticeKind.CANCELLED
        for ask in Ask.objects.select_related("request").filter(request=request):
            notices.notify(ask, kind)

    def visible(self, user: User | None) -> Q:
        """Requests about posts that `user` may read: all of them, so far."""
        return Q(kind=self.kind)

    def with_subjects(self, requests: QuerySet[LLMRequest]) -> QuerySet[LLMRequest]:
        """Join the ask, its post and its place."""
        return requests.select_related("ask__post__topic__subforum__profile").defer(
            "ask__post__body", "ask__post__html"
        )

    def subjects(self, requests: Iterable[LLMRequest]) -> dict[int, Subject]:
        """The topic and the post to answer, by the request's id."""
        return {it.pk: _subject(it.ask.post) for it in requests if hasattr(it, "ask")}

    def outlook(self, requests: Iterable[LLMRequest]) -> dict[int, Inputs | Refused]:
        """What would decide who answers, by the rules of `inputs`; one query."""
        waiting = [it for it in requests if hasattr(it, "ask")]
        places = {it.ask.post.topic.subforum_id for it in waiting}
        assignments = asks.assignments_in(places)
        return {it.pk: _outlook(it, assignments) for it in waiting}

    def readable(
        self, sources: Collection[tuple[str, str]], user: User | None
    ) -> set[tuple[str, str]]:
        """The posts among `sources` that `user` may read now."""
        keys = [int(key) for kind, key in sources if kind == "post"]
        posts = Post.objects.visible_to(user).not_deleted().filter(pk__in=keys)
        return {("post", str(pk)) for pk in posts.values_list("pk", flat=True)}

    def find_place(self, name: str) -> tuple[str, str] | None:
        """The subforum with this slug."""
        found = Subforum.objects.filter(slug=name).values_list("pk", flat=True).first()
        return None if found is None else asks.place_of(found)

    def retry(self, *, request: LLMRequest, member: User) -> LLMRequest:
        """Ask again; see `asks.ask_again`."""
        return asks.ask_again(ask=self._ask(request), member=member).request

    def _ask(self, request: LLMRequest) -> Ask:
        """The ask with all that is read of it; raises Refused when it is gone."""
        ask = (
            Ask.objects.select_related(
                "request",
                "post__author__handle",
                "post__persona_version__persona",
                "post__topic__subforum__profile",
            )
            .filter(request=request)
            .first()
        )
        if ask is None:
            raise Refused("gone")
        return ask

    def _check(self, request: LLMRequest, post: Post, topic: Topic) -> None:
        """Raise Refused unless the post may be answered, by rows read this moment."""
        member = request.requested_by
        if member is not None:
            member.refresh_from_db(fields=["is_active"])
        has_ai = member is not None and asks.ai_enabled_for(member)
        _check_standing(member, post, topic, has_ai=has_ai)


def _check_standing(
    member: User | None, post: Post, topic: Topic, *, has_ai: bool
) -> None:
    if post.deleted_at:
        raise Refused("gone", "The post was deleted.")
    if topic.is_locked:
        raise Refused("locked", "The topic was locked.")
    if member is None or not member.is_active:
        raise Refused("gone", "Whoever asked is no longer a member here.")
    if not has_ai:
        raise Refused("ai_off")


def _outlook(
    request: LLMRequest, assignments: dict[int, list[SubforumPersona]]
) -> Inputs | Refused:
    """The inputs as things stand, or what refuses it; of rows a page has joined."""
    member, post = request.requested_by, request.ask.post
    settings = getattr(member, "ai_settings", None)
    has_ai = settings is None or settings.ai_enabled
    try:
        _check_standing(member, post, post.topic, has_ai=has_ai)
    except Refused as refusal:
        return refusal
    return _inputs(request, post.topic, assignments)


def _inputs(
    request: LLMRequest, topic: Topic, assignments: dict[int, list[SubforumPersona]]
) -> Inputs:
    return asks.inputs_in(
        topic.subforum,
        assignments.get(topic.subforum_id, []),
        member=request.requested_by,
        persona=request.persona,
        config=request.config,
        endpoint=request.endpoint,
        mode=request.mode,
        lost_persona=bool(request.asked_name) and not _is_there(request.persona),
    )


def ancestor_numbers(post: Post) -> list[int]:
    """The numbers of the posts above `post` in its tree, from its path and parent."""
    steps = range(0, len(post.path) - PATH_DIGITS, PATH_DIGITS)
    numbers = {int(post.path[at : at + PATH_DIGITS], 36) for at in steps}
    if post.parent_number is not None:
        numbers.add(post.parent_number)
    return sorted(numbers)


def _subject(post: Post) -> Subject:
    topic = post.topic
    return Subject(
        title=f"{topic.title} #{post.number}" if post.number > 1 else topic.title,
        url=post.get_absolute_url(),
        place=topic.subforum.name,
        place_url=topic.subforum.get_absolute_url(),
    )


def _is_there(persona: Persona | None) -> bool:
    return persona is not None and persona.is_active


def _attribution(post: Post) -> str:
    """A name no member can choose to be: a handle, or a persona marked as one."""
    if post.author is not None:
        return f"@{post.author.handle.name}"
    return f"{post.author_name} (AI persona)"


def _passage(post: Post) -> Passage:
    by_persona = post.persona_version_id is not None
    return Passage(
        number=post.number,
        author=_attribution(post),
        text=post.body,
        source_key=str(post.pk),
        persona_id=post.persona_version.persona_id if by_persona else None,  # type: ignore[union-attr]
    )
