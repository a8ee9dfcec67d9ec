"""Forms about members."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from accounts.models import User
from core.errors import HandleRefused, HandleTaken
from core.handles import MAX_LENGTH, skeleton
from core.models import Handle
from core.services import check_new_handle


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
            check_new_handle(name)
        except HandleRefused as refusal:
            raise forms.ValidationError(refusal.message) from None
        if Handle.objects.filter(skeleton=skeleton(name)).exists():
            raise forms.ValidationError(HandleTaken.message)
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


class AuditForm(forms.Form):
    """What the record of changes is narrowed to."""

    actor = forms.CharField(
        max_length=MAX_LENGTH, required=False, label="Who", help_text="A handle."
    )
    kind = forms.CharField(
        max_length=30, required=False, label="What", help_text="Such as endpoint."
    )
    key = forms.CharField(
        max_length=60, required=False, label="Which", help_text="Its key."
    )

    def clean_actor(self) -> int | None:
        name = self.cleaned_data["actor"].removeprefix("@")
        if not name:
            return None
        found = User.objects.filter(handle__name__iexact=name).values_list("pk")
        row = found.first()
        if row is None:
            raise forms.ValidationError(f"There is no member @{name}.")
        pk: int = row[0]
        return pk
