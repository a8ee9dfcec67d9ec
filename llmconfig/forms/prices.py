"""What a model costs, as staff enter it."""

from decimal import Decimal

from django import forms

# For a million tokens; the dearest models cost some hundreds.
_MOST_USD = 100_000
_TOO_MUCH = f"A million tokens of no model cost more than {_MOST_USD} US dollars."


def _price_field(label: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        min_value=Decimal(0),
        max_value=Decimal(_MOST_USD),
        max_digits=12,
        decimal_places=6,
        help_text="US dollars for a million tokens; 0 is free.",
        error_messages={
            "min_value": "A price is not below 0.",
            "max_value": _TOO_MUCH,
            "invalid": "Write a number such as 0.15, with a point.",
            "max_decimal_places": "A price has at most 6 digits after the point.",
        },
    )


class PriceForm(forms.Form):
    """A model and its price; one for a model that has a price takes its place."""

    model = forms.CharField(
        max_length=120,
        help_text="As the provider calls it, such as gpt-4o-mini.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    in_usd = _price_field("Price of what is sent")
    out_usd = _price_field("Price of what is answered")
