"""Forms of the site's endpoints."""

from typing import Any

from django import forms

from core.errors import AddressDenied
from core.network import check_url
from llmconfig.models import Endpoint
from llmconfig.providers import CHOICES, PROVIDERS


def _key_field(help_text: str) -> forms.CharField:
    """A key, which is never put into a page again."""
    return forms.CharField(
        required=False,
        max_length=500,
        help_text=help_text,
        widget=forms.PasswordInput(
            attrs={"autocomplete": "off", "spellcheck": "false"}
        ),
    )


def _checked_address(address: str) -> str:
    address = address.rstrip("/")
    if address:
        try:
            check_url(address)
        except AddressDenied as error:
            raise forms.ValidationError(error.message) from None
    return address


class _AddressForm(forms.Form):
    # A CharField: Django's URLField knows no host names without a dot but localhost.
    address = forms.CharField(
        required=False,
        max_length=200,
        label="Address",
        help_text="The base URL, such as https://llm.example.com/v1. Blank: the"
        " provider's own.",
        widget=forms.URLInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )

    def clean_address(self) -> str:
        return _checked_address(self.cleaned_data["address"])


class ConnectForm(_AddressForm):
    """A provider account and the model of it that the site will use."""

    provider = forms.ChoiceField(
        choices=[choice for choice in CHOICES if choice[0] != "demo"]
    )
    key = _key_field("Stored encrypted and never shown again but for its last four.")
    model = forms.CharField(
        max_length=120,
        help_text="As the provider calls it, such as gpt-4o-mini.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    is_default = forms.BooleanField(
        required=False,
        initial=True,
        label="Make it the default",
        help_text="Personas without a model of their own answer with it.",
    )
    is_untried = forms.BooleanField(
        required=False,
        label="Save without a trial",
        help_text="For a service that is not running yet, or has no list of models.",
    )
    field_order = ("provider", "address", "key", "model", "is_default", "is_untried")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        provider = PROVIDERS.get(data.get("provider", ""))
        if provider is None or "address" in self.errors:
            return data
        if not data.get("address"):
            self._check_own_address(provider.api_base)
        if provider.needs_key and not data.get("key"):
            self.add_error("key", f"{provider.label} needs a key.")
        return data

    def _check_own_address(self, api_base: str) -> None:
        """A provider without an address of its own, or on this machine, needs more."""
        if not api_base:
            self.add_error("address", "This provider needs an address.")
            return
        try:
            _checked_address(api_base)
        except forms.ValidationError as error:
            self.add_error("address", error)


class EndpointForm(_AddressForm):
    """Another address or key for an endpoint that is there."""

    key = _key_field("Blank keeps the key, unless the address gets another host.")

    def __init__(self, *args: Any, endpoint: Endpoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["address"] = endpoint.api_base
        self._endpoint = endpoint

    def clean_address(self) -> str:
        address = super().clean_address()
        if not address and not self._endpoint.kind.api_base:
            raise forms.ValidationError("This provider needs an address.")
        return address
