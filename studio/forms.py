"""Forms of the site's own values."""

from django import forms

from core import markup

# A prompt has room for little more, and every one of them begins with the rules.
MOST_RULES = 4000


class SiteForm(forms.Form):
    """What Settings > Site asks for."""

    site_name = forms.CharField(
        max_length=60, label="Name", help_text="In the mail that the site sends."
    )
    site_rules = forms.CharField(
        required=False,
        max_length=MOST_RULES,
        label="Rules",
        help_text="The first lines of every prompt, whichever persona answers.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    ai_enabled = forms.BooleanField(
        required=False,
        label="AI is on",
        help_text="Off: nobody can ask a persona, and no call to a model begins. What"
        " waits stays in the queue and goes on once AI is on again. Calls that have"
        " begun are finished.",
    )

    def clean_site_name(self) -> str:
        name = markup.one_line(self.cleaned_data["site_name"])
        if markup.is_blank(name):
            raise forms.ValidationError("The site needs a name.")
        return name

    def clean_site_rules(self) -> str:
        return markup.clean_text(self.cleaned_data["site_rules"]).strip()
