"""The texts of posts and topics."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from accounts.models import User
from core import markup
from core.forms import TokenField
from core.handles import MAX_LENGTH
from forum.forms.images import ImagesForm
from forum.forms.places import Place, auto_id
from forum.models import Post


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


type Files = MultiValueDict[str, Any] | None


class WritingForm(BodyForm):
    """The text of a post with the rows for its pictures, which are checked together."""

    images: ImagesForm

    def is_valid(self) -> bool:
        is_right = super().is_valid()
        is_right = self.images.is_valid() and is_right
        if is_right:
            self.cleaned_data["images"] = list(self.images.attachments.values())
        return is_right


class EditForm(WritingForm):
    """Another text for a post, and how often the one it began with had been changed."""

    edits = forms.IntegerField(
        required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
    )

    def __init__(
        self, data: QueryDict | None = None, files: Files = None, *, post: Post
    ) -> None:
        self.images = ImagesForm(data, files, writer=post.author, post=post)
        self.edits_now = post.revisions.count()
        super().__init__(data, initial={"body": post.body, "edits": self.edits_now})

    def begin_anew(self) -> None:
        """Let the text replace the one of now, which its editor is shown."""
        values = cast(QueryDict, self.data).copy()
        values["edits"] = str(self.edits_now)
        self.data = values


class ReplyForm(WritingForm):
    """A new post under `parent`, or under the opening post of the topic."""

    token = TokenField()

    def __init__(
        self,
        data: QueryDict | None = None,
        files: Files = None,
        *,
        writer: User | None = None,
        parent: Post | None = None,
        place: Place = "page",
    ) -> None:
        ids = auto_id("picture", parent, place)
        self.images = ImagesForm(data, files, writer=writer, auto_id=ids)
        super().__init__(data, auto_id=auto_id("reply", parent, place))
        self.place = place
        goal = parent.author_name if parent and place != "end" else "the topic"
        self.fields["body"].label = f"Your reply to {goal}"


class TopicForm(WritingForm):
    """A new topic and its first post; `begun`: a text an address brought along."""

    token = TokenField()
    title = forms.CharField(max_length=150)
    # The handle of whom its writer came to ask, if they came from a persona.
    persona = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ("title", "body", "token")

    def __init__(
        self,
        data: QueryDict | None = None,
        files: Files = None,
        *,
        writer: User | None = None,
        begun: str = "",
        persona: str = "",
    ) -> None:
        self.images = ImagesForm(data, files, writer=writer)
        body = markup.clean_text(begun)[: settings.MAX_POST_CHARS]
        wanted = markup.one_line(persona)[:MAX_LENGTH]
        super().__init__(data, initial={"body": body, "persona": wanted})

    def clean_title(self) -> str:
        title = markup.one_line(self.cleaned_data["title"])
        if markup.is_blank(title):
            raise forms.ValidationError("Please give the topic a title.")
        return title
