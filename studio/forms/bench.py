"""What is put on the test bench: what of a persona, on which text, with which models."""

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import Resolver404, resolve
from django.utils.text import Truncator

from accounts.models import User
from core import markup
from core.forms import TokenField
from forum.models import Post
from llmconfig.models import LLMConfig
from llmconfig.services import own_keys
from personas.models import Persona, PersonaDraft, PersonaVersion
from studio.bench.conversations import SAMPLE_TEXT
from studio.services.trials import MOST_CONFIGS

DRAFT_CHOICE = "draft"
_MOST_VERSIONS = 50
_MOST_POSTS = 8
_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class BenchForm(forms.Form):
    """Which version or the draft, and which post; both may be left to the page.

    `version` gives a PersonaVersion or PersonaDraft, None if the persona has neither for
    `viewer`; `post` gives a Post with its topic, or None.
    """

    version = forms.ChoiceField(required=False, label="Version")
    post = forms.ChoiceField(required=False, label="Asked by which post")
    address = forms.CharField(
        required=False,
        max_length=500,
        label="Or the address of another post",
        help_text="Copy it from the post's number, such as #2.",
    )

    # What stands in the list of posts for no post.
    no_post = "A sample, without a topic"

    def __init__(
        self,
        data: QueryDict | dict[str, str] | None = None,
        *,
        persona: Persona,
        viewer: User,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        self._persona = persona
        self._visible = Post.objects.visible_to(viewer).not_deleted().with_topic()
        self._draft = persona.drafts.filter(editor=viewer).first()
        version, post = (str(self[it].value() or "") for it in ("version", "post"))
        self._version_field().choices = self._versions(version)
        self._post_field().choices = [("", self.no_post), *self._posts(viewer, post)]

    @property
    def has_candidate(self) -> bool:
        """Whether there is a draft of the viewer's or any version."""
        return bool(self._version_field().choices)

    def clean_version(self) -> PersonaVersion | PersonaDraft | None:
        chosen = self.cleaned_data["version"] or self._first()
        if chosen == DRAFT_CHOICE:
            return self._draft
        if not chosen:
            return None
        versions = PersonaVersion.objects.select_related("persona")
        return versions.get(persona=self._persona, number=chosen)

    def clean_post(self) -> Post | None:
        number = self.cleaned_data["post"]
        return self._visible.get(pk=number) if number else None

    def clean_address(self) -> Post | None:
        text = self.cleaned_data["address"].strip()
        if not text:
            return None
        post = self._visible.filter(**_post_at(text)).first()
        if post is None:
            raise forms.ValidationError("There is no post at this address.")
        return post

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        return values | {"post": values.get("address") or values.get("post")}

    def _version_field(self) -> forms.ChoiceField:
        field = self.fields["version"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for mypy
        return field

    def _post_field(self) -> forms.ChoiceField:
        field = self.fields["post"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for mypy
        return field

    def _first(self) -> str:
        """The draft, else the version that answers now."""
        current = self._persona.current_version
        if self._draft is not None:
            return DRAFT_CHOICE
        return str(current.number) if current else ""

    def _versions(self, chosen: str) -> list[tuple[str, str]]:
        """The draft, the newest versions, and the one that was asked for."""
        found = self._persona.versions.order_by("-number").values_list("number", "note")
        rows = list(found[:_MOST_VERSIONS])
        if _NUMBER.fullmatch(chosen):
            rows += [row for row in found.filter(number=chosen) if row not in rows]
        current = self._persona.current_version
        drafted = [(DRAFT_CHOICE, "Your draft")] if self._draft else []
        return drafted + [
            (str(number), _version_label(number, note, current))
            for number, note in rows
        ]

    def _posts(self, viewer: User, chosen: str) -> list[tuple[str, str]]:
        """The viewer's latest posts, the newest of others, and the one asked for."""
        own = self._visible.filter(author=viewer).order_by("-pk")[:_MOST_POSTS]
        others = self._visible.exclude(author=viewer).order_by("-pk")[:_MOST_POSTS]
        posts = [*own, *others]
        if _NUMBER.fullmatch(chosen):
            posts += self._visible.filter(pk=chosen)
        return list({str(post.pk): _post_label(post) for post in posts}.items())


class TrialForm(BenchForm):
    """A try: besides the above a text of the tester's own, and the models that answer."""

    no_post = "No post: the text below"

    sample = forms.CharField(
        required=False,
        label="Or a text of your own",
        initial=SAMPLE_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": settings.MAX_POST_CHARS}),
        help_text="Asked when no post is chosen.",
    )
    key = TokenField()

    def __init__(self, *args: Any, viewer: User, **kwargs: Any) -> None:
        super().__init__(*args, viewer=viewer, **kwargs)
        endpoints = own_keys.usable_endpoints(viewer)
        configs = LLMConfig.objects.usable_by(viewer).filter(endpoint__in=endpoints)
        self.fields["configs"] = ConfigsField(configs)
        self.has_models = configs.exists()

    def clean_sample(self) -> str:
        sample = markup.clean_text(self.cleaned_data["sample"]).strip()
        if len(sample) > settings.MAX_POST_CHARS:
            raise forms.ValidationError(
                f"This text has {len(sample):,} characters;"
                f" at most {settings.MAX_POST_CHARS:,} fit."
            )
        return sample

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        is_asked = (
            values.get("post") or "post" in self.errors or "address" in self.errors
        )
        if not is_asked and markup.is_blank(values.get("sample", "")):
            self.add_error("sample", "Please choose a post, or write what is asked.")
        if not self.has_candidate:
            self.add_error(None, "There is no version yet, and you have no draft.")
        return values


class ConfigsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """One to MOST_CONFIGS configs, each with its model and where that runs."""

    def __init__(self, configs: QuerySet[LLMConfig]) -> None:
        super().__init__(
            configs.select_related("endpoint").order_by("-is_default", "name"),
            label="Models",
            help_text=f"Up to {MOST_CONFIGS} answer side by side.",
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": "Please choose at least one model."},
        )

    def clean(self, value: Any) -> Any:
        configs = super().clean(value)
        if len(configs) > MOST_CONFIGS:
            raise forms.ValidationError(
                f"These are {len(configs)} models; at most {MOST_CONFIGS} fit."
            )
        return configs

    def label_from_instance(self, obj: Any) -> str:
        own = ", your own" if obj.owner_id else ""
        return f"{obj.name} ({obj.model} at {obj.endpoint}{own})"


def _version_label(number: int, note: str, current: PersonaVersion | None) -> str:
    is_current = current is not None and current.number == number
    words = [f"Version {number}", *(["answers now"] if is_current else [])]
    return ", ".join(words) + (f": {Truncator(note).chars(50)}" if note else "")


def _post_label(post: Post) -> str:
    title = Truncator(post.topic.title).chars(40)
    return f"{title} #{post.number}, {post.author_name}: {Truncator(post.excerpt).chars(40)}"


def _post_at(address: str) -> dict[str, int]:
    """What finds the post that an address of ours leads to; nothing has no post."""
    try:
        parts = urlsplit(address)
        topic_id = resolve(parts.path).kwargs["topic_id"]
    except (ValueError, Resolver404, KeyError):
        return {"pk": -1}
    wanted = re.search(r"post-([0-9]{1,9})$", parts.fragment)
    asked = re.fullmatch(r"[0-9]{1,9}", QueryDict(parts.query).get("at", ""), re.ASCII)
    number = int(wanted[1]) if wanted else int(asked[0]) if asked else 1
    return {"topic": int(topic_id), "number": number}
