"""What the forum does for requests of the kind `reply`."""

from forum.models import PATH_DIGITS, Ask, Post, Topic
from forum.services import asks, posts
from llmqueue.errors import Refused
from llmqueue.handlers import Conversation, Inputs, Passage
from llmqueue.models import LLMAttempt, LLMRequest
from personas.models import Persona


class ReplyHandler:
    """Checks, gathers and delivers a persona's reply to a post."""

    kind = asks.REPLY

    def inputs(self, request: LLMRequest) -> Inputs:
        """What decides who answers; raises Refused when nobody may any more."""
        ask = self._ask(request)
        self._check(request, ask.post, ask.post.topic)
        return asks.inputs_for(
            topic=ask.post.topic,
            member=request.requested_by,
            persona=request.persona,
            config=request.config,
            endpoint=request.endpoint,
            mode=request.mode,
            lost_persona=bool(request.asked_name) and not _is_there(request.persona),
        )

    def messages(self, request: LLMRequest, *, most_passages: int) -> Conversation:
        """The post to answer, its ancestors from the nearest, then the newest others."""
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
        lineage = list(earlier.filter(number__in=numbers))
        others = list(earlier.exclude(number__in=numbers)[:most_passages])
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
        ask = Ask.objects.select_related("post").get(request=request)
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

    def _ask(self, request: LLMRequest) -> Ask:
        return Ask.objects.select_related(
            "post__author__handle",
            "post__persona_version__persona",
            "post__topic__subforum__profile",
        ).get(request=request)

    def _check(self, request: LLMRequest, post: Post, topic: Topic) -> None:
        if post.deleted_at:
            raise Refused("gone", "The post was deleted.")
        if topic.is_locked:
            raise Refused("locked", "The topic was locked.")
        member = request.requested_by
        if member is not None:
            member.refresh_from_db(fields=["is_active"])
        if member is None or not member.is_active:
            raise Refused("gone", "Whoever asked is no longer a member here.")
        if not asks.ai_enabled_for(member):
            raise Refused("ai_off")


def ancestor_numbers(post: Post) -> list[int]:
    """The numbers of the posts above `post` in its tree, from its path and parent."""
    steps = range(0, len(post.path) - PATH_DIGITS, PATH_DIGITS)
    numbers = {int(post.path[at : at + PATH_DIGITS], 36) for at in steps}
    if post.parent_number is not None:
        numbers.add(post.parent_number)
    return sorted(numbers)


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
