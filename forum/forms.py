"""What members write and choose in the forum, turned into checked values."""

import uuid
from typing import Any

from django import forms
from django.conf import settings

from accounts.models import User
from core import markup
from forum.models import Subforum
from forum.services import asks


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


class PostForm(BodyForm):
    """A new post under another one."""

    token = TokenField()


class TopicForm(PostForm):
    """A new topic and its first post."""

    title = forms.CharField(max_length=150)
    field_order = ("title", "body", "token")

    def clean_title(self) -> str:
        title = markup.clean_text(self.cleaned_data["title"]).replace("\n", " ").strip()
        if markup.is_blank(title):
            raise forms.ValidationError("Please give the topic a title.")
        return title


class AskForm(forms.Form):
    """Choice of the persona that answers, among those `member` may ask there."""

    key = TokenField()

    def __init__(
        self, *args: Any, member: User, subforum: Subforum, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["persona"] = forms.ModelChoiceField(
            asks.offered_personas(subforum, member),
            required=False,
            empty_label="Whoever fits here",
            error_messages={"invalid_choice": "This persona cannot be asked here."},
        )
