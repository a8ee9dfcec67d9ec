"""Forms about members."""

from typing import Any
from zoneinfo import available_timezones

from django import forms

from accounts.audit_words import kind_called
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


class MemberField(forms.CharField):
    """A member by their handle, typed with or without the @; gives the User or None.

    `may_be_gone`: also those who cannot sign in any more.
    """

    def __init__(self, *, may_be_gone: bool = False, **kwargs: Any) -> None:
        attrs = {"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"}
        most = MAX_LENGTH + 1  # and the @
        super().__init__(max_length=most, widget=forms.TextInput(attrs), **kwargs)
        members = User.objects.select_related("handle")
        self._members = members if may_be_gone else members.filter(is_active=True)

    def clean(self, value: Any) -> User | None:
        name = super().clean(value).removeprefix("@")
        if not name:
            return None
        member = self._members.filter(handle__name__iexact=name).first()
        if member is None:
            raise forms.ValidationError(f"There is no member @{name}.")
        return member


class AuditForm(forms.Form):
    """What the record of changes is narrowed to."""

    actor = MemberField(
        may_be_gone=True, required=False, label="Who", help_text="A handle."
    )
    kind = forms.CharField(
        max_length=30,
        required=False,
        label="What",
        help_text="Such as persona or endpoint.",
    )
    key = forms.CharField(
        max_length=60, required=False, label="Which", help_text="Its number."
    )

    def clean_kind(self) -> str:
        return kind_called(self.cleaned_data["kind"])

    def clean_actor(self) -> int | None:
        member: User | None = self.cleaned_data["actor"]
        return member.pk if member else None
