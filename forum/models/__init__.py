"""Subforums, topics, posts and the asks that join them to the queue."""

from forum.models.asks import Ask, AskQuerySet, may_be_seen_by
from forum.models.images import MOST_ALT_CHARS, PICTURE, PostImage, PostImageQuerySet
from forum.models.notices import Notice, NoticeKind, NoticeQuerySet
from forum.models.posts import (
    MAX_DEPTH,
    MAX_INDENT,
    PATH_DIGITS,
    Post,
    PostQuerySet,
    PostRevision,
)
from forum.models.subforums import Subforum, SubforumPersona, SubforumQuerySet
from forum.models.topics import Topic, TopicQuerySet

__all__ = [
    "MAX_DEPTH",
    "MAX_INDENT",
    "MOST_ALT_CHARS",
    "PATH_DIGITS",
    "PICTURE",
    "Ask",
    "AskQuerySet",
    "Notice",
    "NoticeKind",
    "NoticeQuerySet",
    "Post",
    "PostImage",
    "PostImageQuerySet",
    "PostQuerySet",
    "PostRevision",
    "Subforum",
    "SubforumPersona",
    "SubforumQuerySet",
    "Topic",
    "TopicQuerySet",
    "may_be_seen_by",
]
