"""Forms of the site's own values."""

from django import forms

from core import markup
from core.forms import NameField

# A prompt has room for little more, and every one of them begins with the rules.
MOST_RULES = 4000


class SiteForm(forms.Form):
    """What Settings > Site asks for."""

    site_name = NameField(label="Name", help_text="In the mail that the site sends.")
    site_rules = forms.CharField(
        required=False,
        max_length=MOST_RULES,
        label="Rules",
        help_text="The first lines of every prompt, whichever persona answers.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    only_staff_assign = forms.BooleanField(
        required=False,
        label="Only staff assign personas",
        help_text="Off: every member assigns personas that they may use to subforums,"
        " and chooses their defaults.",
    )

    def clean_site_rules(self) -> str:
        return markup.clean_text(self.cleaned_data["site_rules"]).strip()
