"""What members write and choose in the forum, turned into checked values."""

from collections.abc import Collection
from typing import Any, Literal, cast

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.functional import cached_property
from django.utils.text import Truncator

from accounts.models import User
from core import markup
from core.forms import TokenField
from core.handles import MAX_LENGTH
from forum.models import Post
from personas.models import Persona, PersonaQuerySet
from personas.services.aliases import find_persona

# Where a form stands: on its own page, under a post, or at the end of a topic.
type Place = Literal["page", "slot", "end"]


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
    """A new topic and its first post; `begun`: a text an address brought along."""

    token = TokenField()
    title = forms.CharField(max_length=150)
    # The handle of whom its writer came to ask, if they came from a persona.
    persona = forms.CharField(required=False, widget=forms.HiddenInput)
    field_order = ("title", "body", "token")

    def __init__(
        self, data: QueryDict | None = None, *, begun: str = "", persona: str = ""
    ) -> None:
        body = markup.clean_text(begun)[: settings.MAX_POST_CHARS]
        wanted = markup.one_line(persona)[:MAX_LENGTH]
        super().__init__(data, initial={"body": body, "persona": wanted})

    def clean_title(self) -> str:
        title = markup.one_line(self.cleaned_data["title"])
        if markup.is_blank(title):
            raise forms.ValidationError("Please give the topic a title.")
        return title


# Personas that the Ask form lists; the others are called by name.
MOST_CHOICES = 60
_HEADINGS = ("Yours", "Assigned here or built in", "Others")


class PersonaField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the personas that may be asked; each says in short what it is."""

    def label_from_instance(self, obj: Persona) -> str:
        version = obj.current_version
        role = Truncator(version.role).chars(70) if version else ""
        return f"{obj.avatar} {obj.name}".strip() + (f" — {role}" if role else "")


class AskForm(forms.Form):
    """Choice of the persona that answers `post`, among those `offered` there.

    There may be thousands: the nearest to `member` and to the place, where `assigned` are
    at home, stand in a list, and the others are called by name.
    """

    key = TokenField()
    called = forms.CharField(
        max_length=100, required=False, label="Or its handle, name or alias"
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        post: Post,
        member: User,
        offered: PersonaQuerySet,
        assigned: Collection[int],
        place: Place = "page",
        wanted: str = "",
    ) -> None:
        """`wanted`: the handle of whom to choose beforehand, if it is offered."""
        super().__init__(data, auto_id=_auto_id("ask", post, place))
        if handle := markup.one_line(wanted):
            self.initial["persona"] = offered.filter(
                handle__name__iexact=handle
            ).first()
        self.place = place
        self._member, self._assigned = member, assigned
        self._offered = offered.select_related("current_version").only(
            "name", "avatar", "current_version__role"
        )
        field = PersonaField(
            self._offered,
            label="Who should answer",
            required=False,
            error_messages={"invalid_choice": "This persona cannot be asked here."},
        )
        field.choices = self._choices
        self.fields["persona"] = field

    @cached_property
    def _nearest(self) -> list[Persona]:
        """The personas of the list, and one more if there are more."""
        nearest = self._offered.nearest_first(self._member, self._assigned)
        return list(nearest[: MOST_CHOICES + 1])

    @property
    def has_more(self) -> bool:
        """Whether some that can be asked stand in no list."""
        return len(self._nearest) > MOST_CHOICES

    def _choices(self) -> list[tuple[str, Any]]:
        """Nobody in particular, then each group under its heading."""
        label = cast(PersonaField, self.fields["persona"]).label_from_instance
        groups: dict[str, list[tuple[int, str]]] = {}
        for persona in self._nearest[:MOST_CHOICES]:
            heading = _HEADINGS[persona.nearness]  # type: ignore[attr-defined]
            groups.setdefault(heading, []).append((persona.pk, label(persona)))
        return [("", "Whoever fits here"), *groups.items()]

    def clean_called(self) -> Persona | None:
        name = self.cleaned_data["called"]
        if not name:
            return None
        found = find_persona(name, user=self._member)
        if found is None or not self._offered.filter(pk=found.pk).exists():
            raise forms.ValidationError(
                "No persona that can be asked here is called so."
            )
        return found

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        chosen, called = values.get("persona"), values.pop("called", None)
        if chosen and called and chosen != called:
            self.add_error("called", "Please choose one of the list or name one.")
        values["persona"] = called or chosen
        return values


class AssignmentForm(forms.Form):
    """One press of a button in a list of assignments: what to do, and with which row.

    `choices` are the rows: personas for a subforum, subforums for a persona.
    """

    clear = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict, *, choices: QuerySet[Any]) -> None:
        super().__init__(data)
        for act in ("add", "remove", "default"):
            self.fields[act] = forms.ModelChoiceField(
                choices,
                required=False,
                error_messages={"invalid_choice": "This cannot be assigned here."},
            )

    @property
    def act(self) -> str:
        """`add`, `remove`, `default` or `clear`; empty: no button of ours."""
        return next((act for act, given in self.cleaned_data.items() if given), "")

    @property
    def chosen(self) -> Any:
        return self.cleaned_data[self.act]


def _auto_id(what: str, post: Post | None, place: Place) -> str:
    """Ids that differ between the forms of one page."""
    under = f"-{post.number}" if place == "slot" and post else ""
    return f"{what}{under}-%s"
