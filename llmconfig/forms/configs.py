"""The forms of configs: all of one on a page, or a few fields of it in a guide."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from accounts.models import User
from core import markup
from core.forms import NameField
from llmconfig.guide import FIRST_TEMPERATURE
from llmconfig.intents import INTENTS
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.models.configs import SETTINGS
from llmconfig.sampling import PARAMETERS
from llmconfig.taken import untaken

_LABELS = {
    "vision_model": "Model for pictures",
    **{it.name: it.label for it in PARAMETERS},
    "context_posts": "Earlier posts it is shown",
    "context_tokens": "Tokens of earlier posts it is shown",
    "fallback": "If it fails, ask instead",
}
_HELP = {
    "endpoint": "The account at a provider, or the machine, that is asked.",
    "model": "As the provider calls it. One that is not in its list is taken, too.",
    "vision_model": "Answers where a post has pictures. If the model above sees, write its"
    " name here as well. Empty: it is told what the pictures show, as far as their"
    " descriptions say, and whoever asks learns that before.",
    "temperature": "0 to 2. Empty: not sent, the provider decides.",
    "top_p": "0 to 1: it chooses among the likeliest words up to this share. Empty: not"
    " sent.",
    "top_k": "It chooses among so many of the likeliest words. Empty: not sent. Not every"
    " provider takes it.",
    "frequency_penalty": "-2 to 2: above 0 it repeats words less. Empty: not sent.",
    "presence_penalty": "-2 to 2: above 0 it turns to something new sooner. Empty: not"
    " sent.",
    "repetition_penalty": "0 to 2: above 1 it repeats itself less. Empty: not sent. Not"
    " every provider takes it.",
    "max_tokens": "Empty: the model's own.",
    "context_posts": "0 to 200. The post to answer is always shown, and whole.",
    "context_tokens": "Whichever is reached first, this or the number of posts.",
    "fallback": "Once, where the reply says so. Empty: the site's.",
}


class ConfigForm(forms.ModelForm):  # type: ignore[type-arg]
    """A config of `owner`, None: of the site; with `only` some of its fields."""

    name = NameField()

    class Meta:
        model = LLMConfig
        fields = SETTINGS
        labels = _LABELS
        help_texts = _HELP
        widgets = {
            "model": forms.TextInput(
                attrs={"autocomplete": "off", "spellcheck": "false", "list": "models"}
            ),
            "vision_model": forms.TextInput(
                attrs={"autocomplete": "off", "spellcheck": "false", "list": "models"}
            ),
        }

    def __init__(
        self,
        data: QueryDict | dict[str, Any] | None = None,
        *,
        owner: User | None,
        instance: LLMConfig | None = None,
        only: Collection[str] = SETTINGS,
    ) -> None:
        first = {} if instance else {"temperature": FIRST_TEMPERATURE}
        super().__init__(data, instance=instance, initial=first)
        self.fields["endpoint"].queryset = _endpoints(owner, instance)  # type: ignore[attr-defined]
        self.fields["fallback"].queryset = _fallbacks(owner, instance)  # type: ignore[attr-defined]
        self.fields["fallback"].empty_label = "None of its own"  # type: ignore[attr-defined]
        for name in set(self.fields) - set(only):
            del self.fields[name]

    @property
    def known_models(self) -> list[str]:
        """The names that the offered endpoints listed, for the browser to suggest."""
        endpoints = self.fields["endpoint"].queryset  # type: ignore[attr-defined]
        return sorted({name for it in endpoints for name in it.listed_models})

    @property
    def untaken(self) -> list[tuple[Endpoint, list[str]]]:
        """The offered endpoints that do not take all parameters, each with which not.

        With the model that is written in the form, if one is.
        """
        model = str(self["model"].value() or "")
        rows = [
            (it, untaken(kind=it.kind, address=it.address, model=model))
            for it in self.fields["endpoint"].queryset  # type: ignore[attr-defined]
        ]
        return [
            (endpoint, [it.label for it in PARAMETERS if it.name in names])
            for endpoint, names in rows
            if names
        ]

    def clean_model(self) -> str:
        return _one_line(self.cleaned_data["model"])

    def clean_vision_model(self) -> str:
        return _one_line(self.cleaned_data["vision_model"])

    def clean_description(self) -> str:
        return markup.one_line(self.cleaned_data["description"])


def _one_line(name: str) -> str:
    name = markup.one_line(name)
    if " " in name:
        raise forms.ValidationError("A model's name has no spaces in it.")
    return name


def _endpoints(owner: User | None, instance: LLMConfig | None) -> QuerySet[Endpoint]:
    """What a config may be at: any for the site, else what its owner may call.

    The one that it is at stays, also when it was closed to its owner since.
    """
    if owner is None:
        return Endpoint.objects.order_by("position", "pk")
    offered = Endpoint.objects.offered_to(owner)
    if instance is None:
        return offered
    return offered | Endpoint.objects.filter(pk=instance.endpoint_id)


def _fallbacks(owner: User | None, instance: LLMConfig | None) -> QuerySet[LLMConfig]:
    """Other configs that all who may use this one may use as well."""
    usable = (
        LLMConfig.objects.usable_by(owner) if owner else LLMConfig.objects.of_site()
    )
    others = usable.exclude(pk=instance.pk) if instance else usable
    return others.order_by("owner", "name")


class ProfilesForm(forms.Form):
    """Which of the site's configs each profile points to."""

    def __init__(
        self, data: QueryDict | None = None, *, chosen: dict[str, LLMConfig | None]
    ) -> None:
        super().__init__(data)
        configs = (
            LLMConfig.objects.of_site().select_related("endpoint").order_by("name")
        )
        for intent in INTENTS:
            self.fields[intent.key] = forms.ModelChoiceField(
                configs,
                required=False,
                label=intent.label,
                help_text=intent.about,
                empty_label="Not set",
                initial=chosen.get(intent.key),
            )
