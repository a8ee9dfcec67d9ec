"""Forms about members."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from core.errors import HandleRefused
from core.handles import MAX_LENGTH, check_handle, skeleton
from core.models import Handle


class HandleForm(forms.Form):
    """The handle a new member chooses; allauth adds it to its sign-up form."""

    handle = forms.CharField(
        max_length=MAX_LENGTH,
        help_text="Your name here, as in @handle.",
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )
    field_order = ("handle", "email", "password1", "password2")

    def clean_handle(self) -> str:
        name: str = self.cleaned_data["handle"].removeprefix("@")
        try:
            check_handle(name)
        except HandleRefused as refusal:
            raise forms.ValidationError(refusal.message) from None
        if Handle.objects.filter(skeleton=skeleton(name)).exists():
            raise forms.ValidationError(
                "This handle, or one that looks like it, is taken."
            )
        return name

    def signup(self, request: Any, user: Any) -> None:
        """Nothing more: the adapter has saved the handle with the member."""


class ProfileForm(forms.Form):
    """What a member says of themselves, and the clock they read."""

    display_name = forms.CharField(
        max_length=60,
        required=False,
        help_text="Shown above your posts. Blank: your handle.",
    )
    bio = forms.CharField(
        max_length=2000,
        required=False,
        label="About you",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    timezone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in sorted(available_timezones())],
        label="Time zone",
    )
