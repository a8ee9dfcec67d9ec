"""Forms of the site's endpoints."""

from copy import copy
from datetime import timedelta
from typing import Any

from django import forms

from core.errors import AddressDenied
from llmconfig.addresses import check_address, host_and_port
from llmconfig.errors import KEY_NEEDED
from llmconfig.models import MOST_CALL_DEADLINE, ApiKey, Endpoint, OpenTo
from llmconfig.providers import CHOICES, PROVIDERS, Provider

_MOST_SECONDS = int(MOST_CALL_DEADLINE.total_seconds())
# More calls at a time than this are a slip of the pen.
_MOST_IN_FLIGHT = 1000


def key_field(help_text: str) -> forms.CharField:
    """A key, which is never put into a page again."""
    return forms.CharField(
        required=False,
        max_length=500,
        help_text=help_text,
        widget=forms.PasswordInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                # It is never sent back, so the page keeps what was typed.
                "hx-preserve": "true",
            }
        ),
    )


def _checked_address(address: str) -> str:
    address = address.rstrip("/")
    if address:
        try:
            check_address(address)
        except AddressDenied as error:
            raise forms.ValidationError(error.message) from None
    return address


class _ModelForm(forms.Form):
    """Where a model is and what it is called; both forms begin with it."""

    # A CharField: Django's URLField knows no host names without a dot but localhost.
    address = forms.CharField(
        required=False,
        max_length=200,
        label="Address",
        help_text="The base URL, such as https://llm.example.com/v1. Blank: the"
        " provider's own.",
        widget=forms.URLInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )
    model = forms.CharField(
        max_length=120,
        help_text="As the provider calls it, such as gpt-4o-mini. One that is not in the"
        " provider's list may be typed too; it is marked as unverified.",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "spellcheck": "false",
                "list": "listed-models",
            }
        ),
    )
    is_tried = forms.BooleanField(
        required=False,
        initial=True,
        label="Test it before it is saved",
        help_text="Two short questions to the model; they cost less than a cent. Leave it"
        " out for a service that is not running yet.",
    )

    def clean_address(self) -> str:
        return _checked_address(self.cleaned_data["address"])


class ConnectForm(_ModelForm):
    """A provider account and the model of it that the site will use."""

    provider = forms.ChoiceField(
        choices=[choice for choice in CHOICES if choice[0] != "demo"],
        widget=forms.RadioSelect,
    )
    key = key_field("Stored encrypted and never shown again but for its last four.")
    is_default = forms.BooleanField(
        required=False,
        initial=True,
        label="Make it the default",
        help_text="Personas without a model of their own answer with it. A model that is"
        " saved without a trial becomes the default only if the site has none; you can"
        " make it the default in the list once it works.",
    )
    field_order = ("provider", "address", "key", "model", "is_default", "is_tried")

    @property
    def providers(self) -> list[tuple[Any, Provider]]:
        """Each choice as its button and what there is to know of it."""
        return [
            (button, PROVIDERS[button.data["value"]]) for button in self["provider"]
        ]

    @property
    def service(self) -> dict[str, Any] | None:
        """Provider, address and key, if they are right; for a look at its models."""
        if self.errors.keys() & {"provider", "address", "key"}:
            return None
        data = self.cleaned_data
        kind = PROVIDERS[data["provider"]]
        address = data["address"] or kind.api_base.rstrip("/")
        return {"provider": kind, "address": address, "key": data["key"]}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        provider = PROVIDERS.get(data.get("provider", ""))
        if provider is None or "address" in self.errors:
            return data
        address = data.get("address") or provider.api_base
        if not data.get("address"):
            self._check_own_address(address)
        if provider.needs_key_at(address) and not data.get("key"):
            self.add_error("key", KEY_NEEDED)
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


class EndpointForm(_ModelForm):
    """What may be changed of an endpoint that is there."""

    name = forms.CharField(
        max_length=60, help_text="What it is called on this site, in receipts too."
    )
    key = key_field("Blank keeps the key, unless the address gets another host.")
    max_in_flight = forms.IntegerField(
        min_value=1,
        max_value=_MOST_IN_FLIGHT,
        label="Calls at a time",
        help_text="Further requests wait for their turn. A model on your own machine"
        " often answers quickest with 1 or 2.",
    )
    deadline_seconds = forms.IntegerField(
        min_value=1,
        max_value=_MOST_SECONDS,
        label="Longest call, in seconds",
        help_text="A call that takes longer is ended. A large model without a graphics"
        f" card may need 1800; {_MOST_SECONDS} is the most.",
    )
    open_to = forms.ChoiceField(
        choices=OpenTo,
        required=False,
        label="At the site's expense it answers",
        help_text="Also where it needs no key, such as a model on your own machine.",
    )
    takes_own_keys = forms.BooleanField(
        required=False,
        label="Members may bring their own keys",
        help_text="Where keys are needed at all; not for a service that takes any word for"
        " one. A key is sent only to the host it was given for: at another address members"
        " have to enter theirs anew.",
    )
    stops_keys = forms.BooleanField(
        required=False,
        label="Change it all the same",
        help_text="They read on their page of keys that a new one is needed. At the old"
        " address theirs would serve again.",
    )
    field_order = (
        "name",
        "model",
        "address",
        "stops_keys",
        "key",
        "open_to",
        "takes_own_keys",
        "max_in_flight",
        "deadline_seconds",
        "is_tried",
    )

    def __init__(self, *args: Any, endpoint: Endpoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {
            "name": endpoint.name,
            "model": endpoint.default_model,
            "address": endpoint.api_base,
            "max_in_flight": endpoint.max_in_flight,
            "deadline_seconds": int(endpoint.call_deadline.total_seconds()),
            "open_to": endpoint.open_to,
            "takes_own_keys": endpoint.takes_own_keys,
        }
        self._endpoint = endpoint
        if endpoint.provider == "demo":  # its address is another at each start
            del self.fields["takes_own_keys"]
        if not self.is_bound:
            del self.fields["stops_keys"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if Endpoint.objects.exclude(pk=self._endpoint.pk).named(name).exists():
            raise forms.ValidationError("Another endpoint has this name.")
        return name

    def clean_address(self) -> str:
        address = super().clean_address()
        if not address and not self._endpoint.kind.api_base:
            raise forms.ValidationError("This provider needs an address.")
        return address

    def clean(self) -> dict[str, Any]:
        """Warn of the keys that a new address stops; what stops none asks nothing."""
        data = super().clean() or self.cleaned_data
        count = 0 if "address" in self.errors else self._stopped_keys(data["address"])
        if not count:
            del self.fields["stops_keys"]
        elif not data["stops_keys"]:
            self.add_error("stops_keys", _warning(count))
        return data

    def _stopped_keys(self, api_base: str) -> int:
        moved = copy(self._endpoint)
        moved.api_base = api_base
        host = host_and_port(self._endpoint.address)
        if host == host_and_port(moved.address):
            return 0
        return ApiKey.objects.given_for(self._endpoint, host=host).count()

    @property
    def changes(self) -> dict[str, Any]:
        """The checked values as `services.change_endpoint` takes them."""
        data = self.cleaned_data
        return {
            "name": data["name"],
            "api_base": data["address"],
            "key": data["key"],
            "model": data["model"],
            "max_in_flight": data["max_in_flight"],
            "call_deadline": timedelta(seconds=data["deadline_seconds"]),
            "is_tried": data["is_tried"],
            "open_to": data["open_to"],
            "takes_own_keys": data.get("takes_own_keys"),
        }


def _warning(count: int) -> str:
    """How many members' keys stop at another address."""
    whose = "1 member has a key" if count == 1 else f"{count} members have keys"
    return (
        f"{whose} for the address as it is. A key is sent nowhere else, so with another"
        " host or port they cannot ask here on their own account any more."
    )
