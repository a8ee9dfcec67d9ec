"""The form of the stop switch."""

from typing import Any

from django import forms

from forum.models import Subforum
from forum.services.asks import place_of
from llmconfig.models import Endpoint
from llmqueue.models import StopScope
from llmqueue.models.switches import stop_key_of
from personas.models import Persona

_FIELDS = {
    StopScope.ENDPOINT: "endpoint",
    StopScope.PERSONA: "persona",
    StopScope.PLACE: "subforum",
}
_ONLY = "Only where that was chosen above."


class StopForm(forms.Form):
    """What to stop, why, and what becomes of calls that run."""

    scope = forms.ChoiceField(
        choices=StopScope,
        label="What to stop",
        widget=forms.RadioSelect,
        initial="site",
    )
    endpoint = forms.ModelChoiceField(
        Endpoint.objects.order_by("position", "pk"),
        required=False,
        help_text=_ONLY,
        empty_label="None",
    )
    persona = forms.CharField(
        required=False,
        max_length=31,
        help_text=f"{_ONLY} Its handle, such as @maestro.",
    )
    subforum = forms.ModelChoiceField(
        Subforum.objects.order_by("position", "pk"),
        required=False,
        help_text=_ONLY,
        empty_label="None",
    )
    reason = forms.CharField(
        max_length=200,
        help_text="Members read it where they would have asked.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    running = forms.ChoiceField(
        choices=[
            ("finish", "Let them finish"),
            ("cut", "Cut them; they begin anew later"),
        ],
        label="Calls that run now",
        initial="finish",
        widget=forms.RadioSelect,
    )

    def clean_persona(self) -> Persona | None:
        name = self.cleaned_data["persona"].strip().removeprefix("@")
        if not name:
            return None
        persona = Persona.objects.active().filter(handle__name__iexact=name).first()
        if persona is None:
            raise forms.ValidationError(f"There is no persona @{name}.")
        return persona

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        field = _FIELDS.get(data.get("scope", ""))
        if field and not data.get(field) and field not in self.errors:
            self.add_error(field, f"Say which {field}.")
        return data

    @property
    def key(self) -> str:
        """The key of what is to be stopped, as a stop keeps it."""
        data = self.cleaned_data
        match data["scope"]:
            case StopScope.SITE:
                return ""
            case StopScope.PLACE:
                return str(stop_key_of(*place_of(data["subforum"].pk)))
            case scope:
                return str(data[_FIELDS[scope]].pk)
