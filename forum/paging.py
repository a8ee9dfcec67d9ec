"""Pages of topics and of posts, found by key: the last page costs what the first does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404

from core.paging import first_of
from forum.models import Post, Subforum, Topic

# Posts shown before the one that an address points at.
LEAD_IN = 2
_CURSOR = re.compile(r"([01])-(\d{1,16})-(\d{1,18})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TopicPage:
    """Topics of one page; `older` is the query string of the next, or empty."""

    topics: list[Topic]
    older: str
    is_first: bool


def topics_page(subforum: Subforum, query: Mapping[str, str]) -> TopicPage:
    """The page that `query` asks for: `before` a cursor, else the first.

    Raises Http404 for a cursor that we cannot have made.
    """
    topics = Topic.objects.filter(subforum=subforum).with_people().by_activity()
    cursor = query.get("before", "")
    if cursor:
        topics = topics.after_in_list(*_read_cursor(cursor))
    found, last = first_of(topics, settings.TOPICS_PER_PAGE)
    older = f"?before={_cursor(last)}" if last else ""
    return TopicPage(topics=found, older=older, is_first=not cursor)


def _cursor(topic: Topic) -> str:
    microseconds = (topic.last_post_at - _EPOCH) // timedelta(microseconds=1)
    return f"{int(topic.is_pinned)}-{microseconds}-{topic.pk}"


def _read_cursor(cursor: str) -> tuple[bool, datetime, int]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise Http404
    is_pinned, microseconds, pk = (int(part) for part in match.groups())
    return bool(is_pinned), _EPOCH + timedelta(microseconds=microseconds), pk


@dataclass(frozen=True)
class PostPage:
    """Posts of one page in tree order; `earlier` and `later` are query strings or empty."""

    posts: list[Post]
    earlier: str
    later: str


def posts_page(topic: Topic, query: Mapping[str, str]) -> PostPage:
    """The page that `query` asks for by a post's number: `after`, `before` or `at` it.

    `at` begins a little before the post, so that a reader sees what it follows; a topic
    that fits on one page is shown whole. One query. Raises Http404 when there is no
    such post.
    """
    posts, size = topic.posts.with_authors().in_tree(), settings.POSTS_PER_PAGE
    if "before" in query:
        place = _place(topic, query["before"])
        found = list(posts.reverse().filter(path__lt=place)[: size + 1])
        has_earlier, has_later = len(found) > size, True
        found = found[:size][::-1]
    else:
        if "after" in query:
            posts = posts.filter(path__gt=_place(topic, query["after"]))
        elif "at" in query and topic.last_number > size:
            posts = posts.filter(path__gte=_a_little_before(topic, query["at"], size))
        found = list(posts[: size + 1])
        _check_place(found, query)
        # The opening post is number 1 and comes first in the tree.
        has_earlier = bool(found) and found[0].number != 1
        has_later = len(found) > size
        found = found[:size]
    if not found:
        raise Http404
    for post in found:
        post.topic = topic
    return PostPage(
        posts=found,
        earlier=f"?before={found[0].number}" if has_earlier else "",
        later=f"?after={found[-1].number}" if has_later else "",
    )


def number_before(post: Post) -> int | None:
    """The number of the post that `post` follows in its topic; None for the first."""
    earlier = Post.objects.filter(topic=post.topic_id, path__lt=post.path)
    return earlier.order_by("-path").values_list("number", flat=True).first()


def _check_place(found: list[Post], query: Mapping[str, str]) -> None:
    if "at" in query and _number(query["at"]) not in {post.number for post in found}:
        raise Http404


def _place(topic: Topic, number: str) -> QuerySet[Post, Any]:
    """The place in the tree of the post so numbered, for a filter."""
    return topic.posts.filter(number=_number(number)).values("path")


def _a_little_before(topic: Topic, number: str, size: int) -> Coalesce:
    """The place of the second post before the one so numbered, or the beginning."""
    upto = topic.posts.filter(path__lte=Subquery(_place(topic, number)))
    back = min(LEAD_IN, size - 1)
    return Coalesce(
        Subquery(upto.order_by("-path").values("path")[back : back + 1]), Value("")
    )


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Http404
    return int(text)
