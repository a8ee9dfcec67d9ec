"""What a member sets for one persona, and the names they give it."""

from typing import Any

from django import forms
from django.http import QueryDict

from accounts.models import User
from personas.definitions import MOST_CHARS
from personas.models import Identity, UserPersonaSettings
from personas.services.aliases import MOST_CHARS as MOST_ALIAS_CHARS


class _IdentityField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One of the member's identities; those that are told to nobody say so."""

    def label_from_instance(self, obj: Identity) -> str:
        return obj.name if obj.is_public else f"{obj.name} (not public, so not told)"


class OwnForm(forms.Form):
    """The settings of one member for one persona.

    Instructions can be written while the persona's owner allows it; what is stored, or
    was just being written, is shown in any case, so that nothing is lost.
    """

    is_muted = forms.BooleanField(
        required=False,
        label="Mute",
        help_text="Its posts are folded away for you, and it is not offered when you ask.",
    )

    def __init__(
        self, data: QueryDict | None = None, *, own: UserPersonaSettings
    ) -> None:
        super().__init__(
            data,
            initial={
                "identity": own.identity_id,
                "is_muted": own.is_muted,
                "own_prompt": own.own_prompt,
            },
        )
        self._own = own
        self.fields["identity"] = _identity_field(own.user)
        is_allowed = own.persona.own_prompt_allowed
        if is_allowed or own.own_prompt or "own_prompt" in (data or {}):
            self.fields["own_prompt"] = _own_prompt_field(own, is_allowed=is_allowed)
        self.order_fields(["identity", "own_prompt", "is_muted"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "own_prompt" not in self.fields:
            data["own_prompt"] = self._own.own_prompt
        return data


def _identity_field(user: User) -> _IdentityField:
    identities = Identity.objects.of(user)
    default = next((it for it in identities if it.is_default), None)
    name = f"{default.name}, your default" if default else "None: you have no default"
    return _IdentityField(
        identities,
        required=False,
        label="Your identity",
        empty_label=name,
        error_messages={"invalid_choice": "Please choose one of your identities."},
        help_text="What it is told of you when you ask it.",
    )


def _own_prompt_field(own: UserPersonaSettings, *, is_allowed: bool) -> forms.CharField:
    persona = own.persona
    if is_allowed:
        help_text = (
            f"When you ask, they take the place of all that {persona.name} was told but"
            " its name, role and hard rules. Only you can read them; that you used your"
            " own is said under the reply."
        )
    else:
        help_text = (
            f"The owner of {persona.name} does not allow them now. They are kept for you"
            " and are not used. Empty the field to delete them."
        )
    return forms.CharField(
        required=False,
        strip=False,
        label="Your own instructions",
        help_text=help_text,
        widget=forms.Textarea(
            attrs={"rows": 8, "maxlength": MOST_CHARS["instructions"]}
        ),
    )


class AliasForm(forms.Form):
    """Another name for a persona; staff can give it one for everybody."""

    name = forms.CharField(
        label="Another name", max_length=MOST_ALIAS_CHARS, widget=forms.TextInput
    )

    def __init__(self, data: QueryDict | None = None, *, member: User) -> None:
        super().__init__(data, auto_id="alias-%s")
        if member.is_staff:
            self.fields["is_for_site"] = forms.BooleanField(
                required=False, label="For everybody on this site"
            )
