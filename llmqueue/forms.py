"""What the queue's page is narrowed to."""

from typing import Any

from django import forms

from accounts.models import User
from llmqueue import handlers
from llmqueue.models import Status
from personas.models import Persona


class HistoryForm(forms.Form):
    """Filters in the words of the reader; each gives what `history.Filters` takes.

    Names are typed, not chosen from a list: there may be thousands of each.
    """

    status = forms.ChoiceField(choices=[("", "Any"), *Status.choices], required=False)
    persona = forms.CharField(max_length=60, required=False, help_text="A handle.")
    model = forms.CharField(max_length=120, required=False)
    place = forms.CharField(max_length=60, required=False, label="Subforum")
    member = forms.CharField(max_length=60, required=False, help_text="A handle.")

    def __init__(self, *args: Any, viewer: User | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._viewer = viewer

    def clean_persona(self) -> int | None:
        name = self.cleaned_data["persona"].removeprefix("@")
        if not name:
            return None
        personas = Persona.objects.all()
        if self._viewer is None or not self._viewer.is_staff:
            # A name that means nothing to a reader and one that is free look the same.
            personas = personas.usable_by(self._viewer)
        found = personas.filter(handle__name__iexact=name).values_list("pk")
        return _only(found.first(), f"There is no persona @{name}.")

    def clean_member(self) -> int | None:
        name = self.cleaned_data["member"].removeprefix("@")
        if not name:
            return None
        found = User.objects.filter(handle__name__iexact=name).values_list("pk")
        return _only(found.first(), f"There is no member @{name}.")

    def clean_place(self) -> tuple[str, str] | None:
        name = self.cleaned_data["place"].strip().lower().replace(" ", "-")
        if not name:
            return None
        places = (handler.find_place(name) for handler in handlers.every())
        place = next((found for found in places if found is not None), None)
        if place is None:
            raise forms.ValidationError("There is no subforum of this name.")
        return place


def _only(row: tuple[int] | None, complaint: str) -> int:
    if row is None:
        raise forms.ValidationError(complaint)
    return row[0]
