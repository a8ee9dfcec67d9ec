"""Forms of what answers whom: a member's own models, and a persona's."""

from typing import Any, cast
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from accounts.models import User
from core import markup
from llmconfig.models import Endpoint, LLMConfig


class ConfigField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One config; each says its model, where that is, and what is special about it."""

    def label_from_instance(self, obj: LLMConfig) -> str:
        label = f"{obj.name} ({obj.model} at {obj.endpoint})"
        if obj.owner_id is not None:
            label += ", yours"
        return label if obj.endpoint.is_enabled else f"{label}, switched off"


class ConfigForm(forms.Form):
    """One of `configs`, or none, which `none` says in words."""

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        configs: QuerySet[LLMConfig],
        label: str,
        none: str,
        chosen: UUID | None,
        prefix: str = "own",
    ) -> None:
        super().__init__(
            data,
            initial={"config": chosen},
            auto_id=f"{prefix}-%s",
        )
        self.fields["config"] = ConfigField(
            configs.select_related("endpoint").order_by("owner", "name"),
            required=False,
            label=label,
            empty_label=none,
            error_messages={"invalid_choice": "This model is not one of yours."},
        )


def own_configs(member: User) -> QuerySet[LLMConfig]:
    """What a member may choose for themselves."""
    return LLMConfig.objects.usable_by(member)


class PreferenceForm(forms.Form):
    """Which model a member wants of which endpoint."""

    endpoint = forms.ModelChoiceField(
        Endpoint.objects.none(),
        label="Provider",
        error_messages={"invalid_choice": "Please choose one of the providers."},
    )
    model = forms.CharField(
        max_length=120,
        help_text="As the provider calls it. It is not checked before it is asked.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, data: Any = None, *, member: User, **kwargs: Any) -> None:
        super().__init__(data, auto_id="preference-%s", **kwargs)
        # Of the others a member does not learn that they exist.
        cast(Any, self.fields["endpoint"]).queryset = Endpoint.objects.offered_to(
            member
        )

    def clean_model(self) -> str:
        model = markup.one_line(self.cleaned_data["model"])
        if markup.is_blank(model):
            raise forms.ValidationError("Please name a model.")
        return model


class RemovalForm(forms.Form):
    """Of which endpoint to have no wished model any more; blank: of any."""

    endpoint = forms.ModelChoiceField(Endpoint.objects.all(), required=False)
