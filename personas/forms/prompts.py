"""The site's own prompts."""

from django import forms

from core import markup
from core.forms import NameField
from personas.definitions import MOST_CHARS


class SystemPromptForm(forms.Form):
    """A prompt's fields; what its text may hold is for the service to say."""

    name = NameField(help_text="Receipts name it, and everybody reads those.")
    text = forms.CharField(
        strip=False,
        max_length=MOST_CHARS["instructions"],
        help_text="Told to a persona after its role.",
        widget=forms.Textarea(attrs={"rows": 10}),
    )
    is_default = forms.BooleanField(
        required=False,
        label="Default",
        help_text="Fills in for personas that are told nothing beyond their role.",
    )

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if markup.is_blank(markup.clean_text(text)):
            raise forms.ValidationError("Please write something first.")
        return text
