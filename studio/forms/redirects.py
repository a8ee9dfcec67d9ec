"""Forms of *answer with that instead of this*."""

from typing import Any

from django import forms

from core import markup
from llmconfig.models import Endpoint, LLMConfig
from studio.forms.models import ConfigField


class RedirectForm(forms.Form):
    """What is to be answered by something else, by what, and why."""

    endpoint = forms.ModelChoiceField(
        Endpoint.objects.order_by("position", "pk"),
        label="Instead of the endpoint",
        error_messages={"invalid_choice": "Please choose one of the endpoints."},
    )
    model = forms.CharField(
        required=False,
        max_length=120,
        label="Only this model of it",
        help_text="As the provider calls it. Blank: every model there.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "list": "models"}
        ),
    )
    to = ConfigField(
        LLMConfig.objects.none(),
        label="Answer with",
        error_messages={"invalid_choice": "Please choose one of the site's configs."},
    )
    reason = forms.CharField(
        max_length=200,
        label="Why",
        help_text="Readers see it under each reply that is answered so.",
    )
    is_confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        configs = LLMConfig.objects.of_site().filter(endpoint__is_enabled=True)
        field: Any = self.fields["to"]
        field.queryset = configs.select_related("endpoint").order_by("name")

    def clean_model(self) -> str:
        return markup.one_line(self.cleaned_data["model"])

    def clean_reason(self) -> str:
        reason = markup.one_line(self.cleaned_data["reason"])
        if markup.is_blank(reason):
            raise forms.ValidationError("Please say why; readers see it.")
        return reason

    @property
    def wanted(self) -> dict[str, Any]:
        """The checked values as `services.make_redirect` takes them."""
        names = ("endpoint", "model", "to", "reason")
        return {name: self.cleaned_data[name] for name in names}
