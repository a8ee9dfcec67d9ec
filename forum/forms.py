"""What members write and choose in the forum, turned into checked values."""

import uuid
from typing import Any, Literal, cast

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.text import Truncator

from accounts.models import User
from core import markup
from forum.models import Post
from forum.services import asks
from personas.models import Persona

# Where a form stands: on its own page, under a post, or at the end of a topic.
type Place = Literal["page", "slot", "end"]


class TokenField(forms.UUIDField):
    """A hidden value that names one showing of a form, so that it counts once."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            initial=uuid.uuid4,
            widget=forms.HiddenInput(attrs={"autocomplete": "off"}),
        )

    def clean(self, value: Any) -> uuid.UUID | None:
        try:
            return super().clean(value) or None
        except forms.ValidationError:
            return None  # not one of ours; the form counts without it


class BodyForm(forms.Form):
    """The text of a post."""

    body = forms.CharField(
        label="Text",
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 8, "maxlength": settings.MAX_POST_CHARS, "class": "body"}
        ),
        error_messages={"required": "Please write something first."},
    )

    def clean_body(self) -> str:
        body = markup.clean_text(self.cleaned_data["body"])
        if markup.is_blank(body):
            raise forms.ValidationError("Please write something first.")
        if len(body) > settings.MAX_POST_CHARS:
            raise forms.ValidationError(
                f"This text has {len(body):,} characters;"
                f" at most {settings.MAX_POST_CHARS:,} fit into one post."
            )
        return body


class EditForm(BodyForm):
    """Another text for a post, and how often the one it began with had been changed."""

    edits = forms.IntegerField(
        required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, data: QueryDict | None = None, *, post: Post) -> None:
        self.edits_now = post.revisions.count()
        super().__init__(data, initial={"body": post.body, "edits": self.edits_now})

    def begin_anew(self) -> None:
        """Let the text replace the one of now, which its editor is shown."""
        values = cast(QueryDict, self.data).copy()
        values["edits"] = str(self.edits_now)
        self.data = values


class ReplyForm(BodyForm):
    """A new post under `parent`, or under the opening post of the topic."""

    token = TokenField()

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        parent: Post | None = None,
        place: Place = "page",
    ) -> None:
        super().__init__(data, auto_id=_auto_id("reply", parent, place))
        self.place = place
        goal = parent.author_name if parent and place != "end" else "the topic"
        self.fields["body"].label = f"Your reply to {goal}"


class TopicForm(BodyForm):
    """A new topic and its first post."""

    token = TokenField()
    title = forms.CharField(max_length=150)
    field_order = ("title", "body", "token")

    def clean_title(self) -> str:
        title = markup.one_line(self.cleaned_data["title"])
        if markup.is_blank(title):
            raise forms.ValidationError("Please give the topic a title.")
        return title


class PersonaField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the personas that may be asked; each says in short what it is."""

    def label_from_instance(self, obj: Persona) -> str:
        version = obj.current_version
        role = Truncator(version.role).chars(70) if version else ""
        return f"{obj.avatar} {obj.name}".strip() + (f" — {role}" if role else "")


class AskForm(forms.Form):
    """Choice of the persona that answers `post`, among those `member` may ask there."""

    key = TokenField()

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        post: Post,
        member: User,
        place: Place = "page",
    ) -> None:
        super().__init__(data, auto_id=_auto_id("ask", post, place))
        self.place = place
        offered = asks.offered_personas(post.topic.subforum, member)
        self.fields["persona"] = PersonaField(
            offered.select_related("current_version").only(
                "name", "avatar", "current_version__role"
            ),
            label="Who should answer",
            required=False,
            empty_label="Whoever fits here",
            error_messages={"invalid_choice": "This persona cannot be asked here."},
        )


def _auto_id(what: str, post: Post | None, place: Place) -> str:
    """Ids that differ between the forms of one page."""
    under = f"-{post.number}" if place == "slot" and post else ""
    return f"{what}{under}-%s"
