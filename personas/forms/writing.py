"""Forms of personas: their words, what is seen of them, and publishing."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms

from core.errors import NameRefused
from core.forms import NameField
from core.handles import MAX_LENGTH
from core.images import MAX_BYTES
from personas import appearance, definitions, voices
from personas.errors import EmojiRefused, NameNeeded, TagsRefused
from personas.models import Persona, PersonaCard, PersonaDraft, Visibility
from personas.services.naming import check_new_name

# What a page shows of a field: lines of the box, and what to write there.
_BOXES = {
    "context": (4, "Where it is, what it does there, who it speaks with."),
    "voice": (4, "How it speaks: warm or dry, long or short, which words it likes."),
    "knowledge": (6, "One thing a line."),
    "gaps": (4, "One thing a line. Asked about these, it says that it does not know."),
    "constraints": (5, "One rule a line, such as “Never gives medical advice”."),
    "instructions": (
        6,
        "What the fields before do not say. Models are told this beside the rest.",
    ),
}


_FAR_TOO_MUCH = "This is far too much to keep. Please shorten it."


class LinesField(forms.CharField):
    """A box whose lines are a list; of more than a draft could hold none is looked at."""

    def to_python(self, value: Any) -> Any:
        lines = (super().to_python(value) or "").splitlines()
        if not definitions.is_storable({"lines": lines}):
            raise forms.ValidationError(_FAR_TOO_MUCH)
        return lines


class DefinitionForm(forms.Form):
    """Some or all of a definition's fields, as they are being written.

    It is valid when a draft may keep it. What then stands against publishing is in
    `problems` by field name; `show_problems` puts it beside the fields. `values` are
    the fields as a draft keeps them.
    """

    def __init__(
        self, *args: Any, draft: PersonaDraft, only: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.draft = draft
        self.only = only
        self.values: dict[str, Any] = {}
        self.problems: dict[str, str] = {}
        for name in only:
            if name == "sample_queries":
                self._add_samples()
            elif name != "tools":
                self.fields[name] = _field(name)
        if "role" in self.fields:
            self.fields["role"].help_text = (
                f"Goes on after “You are {draft.name}, ”: such as “a patient gardener"
                " who loves clay soil”."
            )

    def _add_samples(self) -> None:
        # Not shown: it carries what stands against the rows.
        self.fields["sample_queries"] = forms.CharField(
            required=False, label=definitions.LABELS["sample_queries"]
        )
        for row in range(self.row_count):
            self.fields[f"query_{row}"] = forms.CharField(
                required=False,
                strip=False,
                label="Somebody asks",
                widget=_counted(forms.TextInput, definitions.MOST_LINE_CHARS),
            )
            self.fields[f"answer_{row}"] = forms.CharField(
                required=False,
                strip=False,
                label="It answers",
                widget=_counted(
                    forms.Textarea, definitions.MOST_ANSWER_CHARS, rows="3"
                ),
            )

    @property
    def row_count(self) -> int:
        return row_count(self.data.get("rows", ""), least=1)

    @property
    def may_add_row(self) -> bool:
        return self.row_count < definitions.MOST_LINES["sample_queries"]

    @property
    def samples(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        rows = range(self.row_count)
        return [(self[f"query_{row}"], self[f"answer_{row}"]) for row in rows]

    @property
    def plain_fields(self) -> list[forms.BoundField]:
        """The fields that are one box each, in their order."""
        return [self[it] for it in definitions.BOXES if it in self.only]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        entered = {name: data[name] for name in self.only if name in data}
        if "sample_queries" in self.only:
            entered["sample_queries"] = [
                {
                    "query": data.get(f"query_{row}", ""),
                    "answer": data.get(f"answer_{row}", ""),
                }
                for row in range(self.row_count)
            ]
        tidied, problems = definitions.look_over(self.draft.definition | entered)
        self.values = {name: tidied[name] for name in entered}
        self.problems = {name: problems[name] for name in entered if name in problems}
        if not definitions.is_storable(tidied):
            self.add_error(None, _FAR_TOO_MUCH)
        return data

    def show_problems(self, *, filled_only: bool = False) -> None:
        """Say beside the fields what stands against publishing them.

        `filled_only`: not of those that nobody has filled in yet.
        """
        for name, problem in self.problems.items():
            if self.values.get(name, name) or not filled_only:
                self.add_error(name, problem)


def _counted(
    widget: type[forms.TextInput] | type[forms.Textarea], most: int, **attrs: Any
) -> forms.Widget:
    """A box that the browser lets nobody overfill, and that counts what is in it."""
    return widget(attrs={"maxlength": str(most), "data-count": "signs", **attrs})


def _field(name: str) -> forms.Field:
    label = definitions.LABELS[name]
    if name == "role":
        most = definitions.MOST_CHARS[name]
        return forms.CharField(
            required=False,
            label=label,
            widget=_counted(forms.TextInput, most, required=True),
        )
    rows, help_text = _BOXES[name]
    if name in definitions.MOST_LINES:
        lines = definitions.MOST_LINES[name]
        most = lines * (definitions.MOST_LINE_CHARS + 1)
        attrs = {"rows": rows, "maxlength": most, "data-count": "lines"}
        return LinesField(
            required=False,
            strip=False,
            label=label,
            help_text=help_text,
            widget=forms.Textarea(attrs=attrs | {"data-most": lines}),
        )
    box = _counted(forms.Textarea, definitions.MOST_CHARS[name], rows=rows)
    return forms.CharField(
        required=False, strip=False, label=label, help_text=help_text, widget=box
    )


def row_count(wanted: str, *, least: int) -> int:
    """How many samples a page asks for; `wanted` may be anything."""
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) < 3
    most = definitions.MOST_LINES["sample_queries"]
    return min(max(int(wanted) if is_number else 0, least), most)


def entered(draft: PersonaDraft, *, rows: int) -> dict[str, Any]:
    """What a browser would send of the draft; `rows`: at least so many samples."""
    samples = draft.sample_queries
    tags = [tag for tag in draft.tags if tag not in appearance.KINDS]
    data = {
        **{name: getattr(draft, name) for name in definitions.MOST_CHARS},
        **{
            name: "\n".join(getattr(draft, name))
            for name in definitions.MOST_LINES
            if name != "sample_queries"
        },
        "rows": str(max(len(samples), rows)),
        "name": draft.name,
        "avatar": draft.avatar,
        "usual_tags": [tag for tag in draft.tags if tag not in tags],
        "free_tags": ", ".join(tags),
    }
    for row, sample in enumerate(samples):
        data[f"query_{row}"] = sample["query"]
        data[f"answer_{row}"] = sample["answer"]
    return data


class GuideForm(DefinitionForm):
    """The fields of one step of the guide; the voice can begin with one of ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "voice" in self.only:
            known = {voice.key for voice in voices.VOICES}
            choices = [(key, key) for key in (*known, voices.OWN)]
            self.fields["voice_kind"] = forms.ChoiceField(
                required=False, choices=choices
            )
            self.fields["voice"].label = "In your own words"

    @property
    def is_own_voice(self) -> bool:
        return not any(is_chosen for _, is_chosen in self.voice_cards)

    @property
    def voice_cards(self) -> list[tuple[voices.Voice, bool]]:
        """The voices to choose from, and whether each is chosen."""
        chosen = self.data.get("voice_kind", voices.OWN)
        return [(voice, voice.key == chosen) for voice in voices.VOICES]

    def clean_voice(self) -> str:
        return voices.join(self.data.get("voice_kind", ""), self.cleaned_data["voice"])


class EditorForm(DefinitionForm):
    """All of a draft on one page."""

    name = NameField(
        error_messages={"required": NameNeeded.message},
        widget=forms.TextInput(attrs={"data-count": "signs"}),
    )
    avatar = forms.CharField(
        required=False,
        max_length=40,
        label="Emoji",
        help_text="Stands beside the name.",
        widget=forms.TextInput(attrs={"class": "short", "autocomplete": "off"}),
    )
    image = forms.FileField(
        required=False,
        label="Picture",
        help_text="Instead of the emoji: PNG, JPEG, WebP or GIF, at most"
        f" {MAX_BYTES // 1024 // 1024} MB and 4,096 pixels a side. Its middle is shown.",
        widget=forms.FileInput(
            attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}
        ),
    )
    without_image = forms.BooleanField(required=False, label="Take the picture away")
    usual_tags = forms.MultipleChoiceField(
        required=False,
        label="Tags",
        choices=[(tag, tag) for tag in appearance.KINDS],
        widget=forms.CheckboxSelectMultiple,
    )
    free_tags = forms.CharField(
        required=False,
        max_length=400,
        label="Tags of your own",
        help_text=f"With commas between them; at most {appearance.MOST_TAGS} tags in all.",
    )

    def __init__(self, *args: Any, persona: Persona, **kwargs: Any) -> None:
        super().__init__(*args, only=tuple(definitions.LABELS), **kwargs)
        self._persona = persona

    def clean_avatar(self) -> str:
        try:
            return appearance.check_emoji(self.cleaned_data["avatar"])
        except EmojiRefused as error:
            raise forms.ValidationError(error.message) from None

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        self.values |= {name: data[name] for name in ("name", "avatar") if name in data}
        if data.get("without_image") and not data.get("image"):
            self.values["avatar_image"] = ""
        self._look_at_tags(data)
        if "name" in data:
            self._look_at_name(data["name"])
        return data

    def _look_at_tags(self, data: dict[str, Any]) -> None:
        if "free_tags" not in data or "usual_tags" not in data:
            return
        words = [*data["usual_tags"], *data["free_tags"].split(",")]
        try:
            self.values["tags"] = appearance.check_tags(words)
        except TagsRefused as error:
            self.add_error("free_tags", error.message)

    def _look_at_name(self, name: str) -> None:
        try:
            check_new_name(persona=self._persona, name=name)
        except NameRefused as error:
            self.problems["name"] = error.message


class PersonaForm(forms.Form):
    """A new persona's name, and its handle where the name makes none."""

    name = NameField(
        error_messages={"required": NameNeeded.message},
        help_text="What it is called, such as Ada or Night gardener.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "data-count": "signs"}),
    )
    handle = forms.CharField(
        required=False,
        max_length=MAX_LENGTH + 1,
        help_text="People mention it as @handle. Blank: made from the name.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_handle(self) -> str:
        handle: str = self.cleaned_data["handle"].removeprefix("@")
        return handle

    def suggest(self, handle: str) -> None:
        """Fill in a handle that would do, where there was none."""
        if not self.data.get("handle"):
            self.data = {"name": self.data.get("name"), "handle": handle}


class PublishForm(forms.Form):
    """What is said of a version; and, of the first one, who meets it.

    `over` is the number of another's version that the page told of; None for anything else.
    """

    _WHO = (
        (Visibility.PUBLIC, "Everybody may ask it"),
        (Visibility.PRIVATE, "Only you, and those you make its editors"),
    )

    note = forms.CharField(
        required=False,
        max_length=definitions.MOST_NOTE_CHARS,
        help_text="What has changed and why, for those who look at the versions.",
        widget=forms.TextInput(attrs={"data-count": "signs"}),
    )
    visibility = forms.ChoiceField(
        required=False,
        choices=_WHO,
        initial=Visibility.PUBLIC,
        label="Who may use it",
        widget=forms.RadioSelect,
    )
    over = forms.CharField(required=False)

    def __init__(
        self, *args: Any, persona: Persona, may_share: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        visibility = self.fields["visibility"]
        assert isinstance(visibility, forms.ChoiceField)  # noqa: S101  # for mypy
        if not may_share:
            del self.fields["visibility"]
        elif persona.visibility == Visibility.GROUPS:
            # Chosen on its page before there was anything to meet.
            names = ", ".join(
                persona.groups.order_by("name").values_list("name", flat=True)
            )
            stored = (Visibility.GROUPS, f"Also the members of {names}, as you chose")
            visibility.choices = [*self._WHO, stored]
            visibility.initial = Visibility.GROUPS
        elif PersonaCard.objects.filter(persona=persona).exists():
            # Somebody else may have written it: it is shown on purpose or not at all.
            visibility.initial = Visibility.PRIVATE

    def clean_over(self) -> int | None:
        number = self.cleaned_data["over"]
        return int(number) if re.fullmatch("[0-9]{1,9}", number) else None
