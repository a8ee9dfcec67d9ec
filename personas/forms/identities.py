"""How a member presents themselves."""

from django import forms

from core import markup
from core.forms import NameField
from personas.services.identities import MOST_DESCRIPTION_CHARS


class IdentityForm(forms.Form):
    """An identity's fields; what is public and default is said in words."""

    name = NameField(help_text="For your own lists, and told too.")
    description = forms.CharField(
        required=False,
        max_length=MOST_DESCRIPTION_CHARS,
        label="About you",
        help_text="What should be known of you when you ask: who you are, what you know"
        " already, how you like answers.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    is_public = forms.BooleanField(
        required=False,
        label="Public",
        help_text="Only public ones are told to personas in topics that others can read,"
        " since everybody reads the answer. At present that is every topic.",
    )
    is_default = forms.BooleanField(
        required=False,
        label="Default",
        help_text="Told wherever you chose no other for a persona.",
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if frame := markup.frame_in(name):
            raise forms.ValidationError(f"{frame} cannot stand in a name.")
        return name

    def clean_description(self) -> str:
        return markup.clean_text(self.cleaned_data["description"]).strip()
