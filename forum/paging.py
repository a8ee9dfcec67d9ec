"""Pages of topics and of posts, found by key: the last page costs what the first does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404

from forum.models import Post, Subforum, Topic

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
    size = settings.TOPICS_PER_PAGE
    found = list(topics[: size + 1])
    older = f"?before={_cursor(found[size - 1])}" if len(found) > size else ""
    return TopicPage(topics=found[:size], older=older, is_first=not cursor)


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


def posts_page(topic: Topic, query: Mapping[str, str], *, viewer: object) -> PostPage:
    """The page that `query` asks for by a post's number: `after`, `before` or `at` it.

    A topic that fits on one page is shown whole, wherever `at` points. Each post knows
    what `viewer` may do with it. One query. Raises Http404 when there is no such post.
    """
    posts, size = topic.posts.with_authors().in_tree(), settings.POSTS_PER_PAGE
    if "before" in query:
        found = _cut(posts.reverse(), topic, path__lt=_number(query["before"]))
        has_earlier, has_later = len(found) > size, True
        found = found[:size][::-1]
    else:
        if "after" in query:
            found = _cut(posts, topic, path__gt=_number(query["after"]))
        elif "at" in query and topic.last_number > size:
            found = _cut(posts, topic, path__gte=_number(query["at"]))
        else:
            found = list(posts[: size + 1])
            _check_place(found, query)
        # The opening post is number 1 and comes first in the tree.
        has_earlier = bool(found) and found[0].number != 1
        has_later = len(found) > size
        found = found[:size]
    if not found:
        raise Http404
    _fit_for(viewer, topic, found)
    return PostPage(
        posts=found,
        earlier=f"?before={found[0].number}" if has_earlier else "",
        later=f"?after={found[-1].number}" if has_later else "",
    )


def _check_place(found: list[Post], query: Mapping[str, str]) -> None:
    if "at" in query and _number(query["at"]) not in {post.number for post in found}:
        raise Http404


def fit_for(viewer: object, post: Post) -> Post:
    """`post` as it is put under its parent, knowing what `viewer` may do with it."""
    _fit_for(viewer, post.topic, [post])
    post.shows_parent = False
    return post


def _cut(posts: QuerySet[Post], topic: Topic, **number: int) -> list[Post]:
    """One post more than a page, from the place in the tree of the post so numbered."""
    [(lookup, value)] = number.items()
    place = topic.posts.filter(number=value).values("path")
    return list(posts.filter(**{lookup: place})[: settings.POSTS_PER_PAGE + 1])


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Http404
    return int(text)


def _fit_for(viewer: object, topic: Topic, posts: list[Post]) -> None:
    is_staff = getattr(viewer, "is_staff", False)
    previous = None
    for post in posts:
        post.topic = topic
        may_change = post.deleted_at is None
        is_open = not topic.is_locked or is_staff
        post.can_edit = may_change and is_open and post.is_editable_by(viewer)
        post.can_delete = may_change and post.is_deletable_by(viewer)
        post.can_see_history = is_staff or post.is_editable_by(viewer)
        post.shows_parent = post.parent_number not in (None, previous)
        previous = post.number
