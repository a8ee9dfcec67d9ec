"""What the forum does for requests of the kind `reply`."""

from collections.abc import Collection, Iterable

from django.db.models import Q, QuerySet

from accounts.models import User
from core.errors import ForllmError
from forum import offers
from forum.conversations import conversation_at, hold_target
from forum.models import (
    PICTURE,
    Ask,
    NoticeKind,
    Post,
    PostImage,
    Subforum,
    SubforumPersona,
    Topic,
    may_be_seen_by,
)
from forum.services import asks, notices, posts
from llmqueue import askers
from llmqueue.errors import Refused
from llmqueue.handlers import Conversation, Inputs, Subject
from llmqueue.models import LLMAttempt, LLMRequest, Status
from personas.models import Persona


class ReplyHandler:
    """Checks, gathers and delivers a persona's reply to a post."""

    kind = asks.REPLY
    is_private = False
    may_fall_back = True

    def inputs(self, request: LLMRequest) -> Inputs:
        """What decides who answers; raises Refused when nobody may any more."""
        ask = self._ask(request)
        topic = ask.post.topic
        self._check(request, ask.post, topic)
        assignments = offers.assignments_in([topic.subforum_id])
        return _inputs(request, ask.post, topic, assignments)

    def messages(self, request: LLMRequest, *, most_passages: int) -> Conversation:
        """What the topic says around the post to answer."""
        target = self._ask(request).post
        hold_target(target)
        return conversation_at(target, most_passages=most_passages)

    def deliver(self, attempt: LLMAttempt, *, text: str, html: str) -> None:
        """Post the reply under the post it answers; raises Refused if it may not stand.

        The topic is locked first, so that no lock or deletion slips in between.
        """
        request = attempt.request
        ask = self._ask(request)
        topic = Topic.objects.hold(ask.post.topic_id)
        post = Post.objects.get(pk=ask.post_id)
        self._check(request, post, topic)
        version = attempt.persona_version
        usable = Persona.objects.usable_by(request.requested_by)
        if version is None or not usable.filter(pk=version.persona_id).exists():
            raise Refused("persona_gone")
        ask.reply = posts.insert_post(
            topic=topic,
            parent=post,
            persona_version=version,
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
        """Requests about posts that `user` may read."""
        return Q(kind=self.kind) & may_be_seen_by(user, ask="ask__")

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
        assignments = offers.assignments_in(places)
        return {it.pk: _outlook(it, assignments) for it in waiting}

    def readable(
        self,
        attempt: LLMAttempt,
        sources: Collection[tuple[str, str]],
        user: User | None,
    ) -> set[tuple[str, str]]:
        """The posts among `sources` that `user` may read now, as they were then."""
        return readable_posts(attempt, sources, user)

    def find_place(self, name: str) -> tuple[str, str] | None:
        """The subforum with this slug."""
        found = Subforum.objects.filter(slug=name).values_list("pk", flat=True).first()
        return None if found is None else asks.place_of(found)

    def why_not_retried(self, request: LLMRequest) -> ForllmError | None:
        """That nobody is there for whom, or nothing any more that could be answered."""
        if not hasattr(request, "ask"):
            return Refused("gone")
        return request.ask.why_not_asked_again()

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
        _check_post(post, topic)
        askers.check_asker(request.requested_by)


def readable_posts(
    attempt: LLMAttempt, sources: Collection[tuple[str, str]], user: User | None
) -> set[tuple[str, str]]:
    """The posts and pictures in `sources` that `user` may read now, as `attempt` sent them."""
    keys = [int(key) for kind, key in sources if kind == "post"]
    here = Post.objects.visible_to(user).not_deleted()
    unchanged = here.unchanged_for(user, since=attempt.started_at)
    posts_here = unchanged.filter(pk__in=keys).values_list("pk", flat=True)
    found = {("post", str(pk)) for pk in posts_here}
    pictures = [int(key) for kind, key in sources if kind == PICTURE]
    if not pictures:
        return found
    shown = PostImage.objects.filter(pk__in=pictures, post__in=unchanged)
    return found | {(PICTURE, str(pk)) for pk in shown.values_list("pk", flat=True)}


def _check_post(post: Post, topic: Topic) -> None:
    if post.deleted_at:
        raise Refused("gone", "The post was deleted.")
    if topic.is_locked:
        raise Refused("locked", "The topic was locked.")


def _outlook(
    request: LLMRequest, assignments: dict[int, list[SubforumPersona]]
) -> Inputs | Refused:
    """The inputs as things stand, or what refuses it; of rows a page has joined."""
    post = request.ask.post
    try:
        _check_post(post, post.topic)
        askers.check_joined_asker(request.requested_by)
    except Refused as refusal:
        return refusal
    return _inputs(request, post, post.topic, assignments)


def _inputs(
    request: LLMRequest,
    post: Post,
    topic: Topic,
    assignments: dict[int, list[SubforumPersona]],
) -> Inputs:
    return offers.inputs_in(
        topic.subforum,
        assignments.get(topic.subforum_id, []),
        member=request.requested_by,
        persona=request.persona,
        config=request.config,
        endpoint=request.endpoint,
        mode=request.mode,
        lost_persona=bool(request.asked_name) and not _is_there(request.persona),
        pictures=post.images_count,
    )


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
