"""The buttons beside a subforum's personas, and beside a persona's subforums."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from llmconfig.intents import INTENTS


class PinForm(forms.Form):
    """The profile whose model answers in a subforum."""

    profile = forms.ChoiceField(
        choices=[
            ("", "None: the site's default"),
            *((it.key, it.label) for it in INTENTS),
        ],
        required=False,
        label="Model of this subforum",
        help_text="A profile, which the site points to a model. Who chose a model for"
        " themselves, or for a persona, keeps that.",
    )


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
