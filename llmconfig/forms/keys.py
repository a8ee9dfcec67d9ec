"""The form of a member's own key."""

import re

from django import forms

from core import markup
from llmconfig.forms.endpoints import key_field
from llmconfig.services.own_keys import KeySlot

# What a header can carry; a key that was copied with its line end is cut by the field.
_KEY = re.compile(r"[\x21-\x7e]+")


class OwnKeyForm(forms.Form):
    """A key, which no page shows again, and what its member calls it."""

    key = key_field("Stored encrypted and never shown again but for its last four.")
    nickname = forms.CharField(
        required=False,
        max_length=60,
        help_text="For yourself, such as where it comes from or who pays for it.",
    )

    def __init__(self, *args: object, slot: KeySlot, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        has_key = slot.key is not None
        self.initial = {"nickname": slot.key.nickname if slot.key else ""}
        if has_key and not slot.problem:
            self.fields["key"].help_text = "Blank keeps the key there is."
        else:
            self.fields["key"].required = True

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if key and not _KEY.fullmatch(key):
            raise forms.ValidationError(
                "This is no key: keys have letters, digits and signs, and no spaces."
            )
        return key

    def clean_nickname(self) -> str:
        return markup.one_line(self.cleaned_data["nickname"])
