"""Fields that forms of several apps have."""

import uuid
from typing import Any

from django import forms

from core import markup


class TokenField(forms.UUIDField):
    """A hidden value that names one showing of a form, so that it counts once."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            initial=uuid.uuid4,
            widget=forms.HiddenInput(attrs={"autocomplete": "off"}),
        )

    def clean(self, value: Any) -> uuid.UUID | None:
        try:
            return super().clean(value) or None
        except forms.ValidationError:
            return None  # not one of ours; the form counts without it


class NameField(forms.CharField):
    """What people call a thing: one line with something to see in it."""

    default_error_messages = {"required": "Please give it a name."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=markup.MOST_NAME_CHARS, **kwargs)

    def clean(self, value: Any) -> str:
        name = markup.one_line(super().clean(value))
        if markup.is_blank(name):
            raise forms.ValidationError(self.error_messages["required"])
        return name
