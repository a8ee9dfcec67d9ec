"""What the queue's page is narrowed to."""

from typing import Any

from django import forms

from accounts.forms import MemberField
from accounts.models import User
from llmqueue import handlers
from llmqueue.models import Status
from personas.models import Persona
from personas.services.aliases import find_persona


class HistoryForm(forms.Form):
    """Filters in the words of the reader; each gives what `history.Filters` takes.

    Names are typed, not chosen from a list: there may be thousands of each.
    """

    status = forms.ChoiceField(choices=[("", "Any"), *Status.choices], required=False)
    persona = forms.CharField(
        max_length=100, required=False, help_text="A handle, name or alias."
    )
    model = forms.CharField(max_length=120, required=False)
    place = forms.CharField(max_length=60, required=False, label="Subforum")
    member = MemberField(may_be_gone=True, required=False, help_text="A handle.")

    def __init__(self, *args: Any, viewer: User | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._viewer = viewer

    def clean_member(self) -> int | None:
        member: User | None = self.cleaned_data["member"]
        return member.pk if member else None

    def clean_persona(self) -> int | None:
        name = self.cleaned_data["persona"].removeprefix("@")
        if not name:
            return None
        found = find_persona(name, user=self._viewer)
        if found is None:
            # A name that means nothing to a reader and one that is free look the same.
            is_staff = self._viewer is not None and self._viewer.is_staff
            every = Persona.objects
            known = every.all() if is_staff else every.met_by(self._viewer)
            found = known.once_called(name).first()
        if found is None:
            raise forms.ValidationError(f"There is no persona @{name}.")
        return found.pk

    def clean_place(self) -> tuple[str, str] | None:
        name = self.cleaned_data["place"].strip().lower().replace(" ", "-")
        if not name:
            return None
        places = (handler.find_place(name) for handler in handlers.every())
        place = next((found for found in places if found is not None), None)
        if place is None:
            raise forms.ValidationError("There is no subforum of this name.")
        return place
