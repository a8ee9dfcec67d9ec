"""Connecting models: endpoints, their keys, and the site's default config."""

from datetime import timedelta

import httpx
from django.db import transaction

from core.encryption import decrypt, encrypt
from core.errors import SecretUnreadable
from core.network import check_url, origin
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.providers import PROVIDERS
from llmconfig.trial import try_endpoint

_SITE = "site"
DEMO_NAME = "Demo model"


def _key_host(address: str) -> str:
    """What a key is bound to: host and port, as on one machine each port is a service."""
    _, host, port = origin(httpx.URL(address))
    return f"{host}:{port}"


def _encrypt_key(key: str, *, address: str) -> str:
    return encrypt(key, owner=_SITE, host=_key_host(address)) if key else ""


def call_secrets(*, endpoint: Endpoint) -> str:
    """The key to call `endpoint` with, decrypted; empty when it has none.

    Raises SecretUnreadable if it cannot be decrypted, or was given for another host.
    """
    if not endpoint.site_key:
        return ""
    host = _key_host(endpoint.address)
    return decrypt(endpoint.site_key, owner=_SITE, host=host)


def describe_key(*, endpoint: Endpoint) -> str:
    """What staff may see of the endpoint's key: its last four characters at most."""
    try:
        key = call_secrets(endpoint=endpoint)
    except SecretUnreadable:
        return "cannot be read, enter it again"
    if not key:
        return "none"
    return f"ends in {key[-4:]}" if len(key) >= 16 else "set"


def default_config() -> LLMConfig | None:
    """The config that answers where nothing else was chosen."""
    return LLMConfig.objects.filter(is_default=True).select_related("endpoint").first()


def connect_endpoint(
    *,
    provider: str,
    api_base: str,
    key: str,
    model: str,
    is_default: bool,
    is_tried: bool = True,
) -> tuple[Endpoint, str]:
    """Save an endpoint with a config for `model`, after a trial unless not wanted.

    `api_base` blank: the provider's own. Returns the endpoint and what the trial
    showed. Raises AddressDenied or TrialFailed, having written nothing.
    """
    kind = PROVIDERS[provider]
    address = (api_base or kind.api_base).rstrip("/")
    check_url(address)
    result = "It was saved without a trial."
    if is_tried:
        result = try_endpoint(provider=kind, address=address, key=key, model=model)
    with transaction.atomic():
        endpoint = Endpoint.objects.create(
            name=_free_name(kind.label),
            provider=provider,
            api_base=api_base,
            site_key=_encrypt_key(key, address=address),
            default_model=model,
            position=Endpoint.objects.count(),
        )
        config = LLMConfig.objects.create(
            name=_free_config_name(model, endpoint),
            endpoint=endpoint,
            model=model,
            is_global=True,
        )
        if is_default:
            set_default_config(config=config)
    return endpoint, result


def _free_name(label: str) -> str:
    names = set(Endpoint.objects.values_list("name", flat=True))
    numbered = (f"{label} {number}" for number in range(2, len(names) + 3))
    return next(name for name in (label, *numbered) if name not in names)


def _free_config_name(model: str, endpoint: Endpoint) -> str:
    taken = LLMConfig.objects.filter(owner=None, name__iexact=model[:60]).exists()
    return f"{model[:30]} · {endpoint.name[:27]}" if taken else model[:60]


def change_endpoint(*, endpoint: Endpoint, api_base: str, key: str) -> Endpoint:
    """Change the address or the key; blank keeps the key, but not for another host.

    Raises AddressDenied, having written nothing.
    """
    host = _key_host(endpoint.address)
    endpoint.api_base = api_base
    check_url(endpoint.address)
    if key:
        endpoint.site_key = _encrypt_key(key, address=endpoint.address)
    elif host != _key_host(endpoint.address):
        endpoint.site_key = ""
    endpoint.save(update_fields=["api_base", "site_key"])
    return endpoint


def test_endpoint(*, endpoint: Endpoint) -> str:
    """Try a saved endpoint; returns and raises as `try_endpoint` does."""
    return try_endpoint(
        provider=endpoint.kind,
        address=endpoint.address,
        key=call_secrets(endpoint=endpoint),
        model=endpoint.default_model,
    )


def switch_endpoint(*, endpoint: Endpoint, is_enabled: bool) -> None:
    """Let requests go to `endpoint`, or stop them; those that run are not cut."""
    Endpoint.objects.filter(pk=endpoint.pk).update(is_enabled=is_enabled)


@transaction.atomic
def set_default_config(*, config: LLMConfig) -> None:
    """Make `config`, one of the site's, what answers where nothing else was chosen."""
    # All are locked, in one order: two at once end with one default, not an error.
    ours = LLMConfig.objects.filter(owner=None).order_by("pk").select_for_update()
    for other in ours:
        if other.is_default and other.pk != config.pk:
            LLMConfig.objects.filter(pk=other.pk).update(is_default=False)
    LLMConfig.objects.filter(pk=config.pk).update(is_default=True)


@transaction.atomic
def connect_demo_model(*, url: str, key: str) -> None:
    """Point the "Demo model" at the small model that `manage.py up` runs.

    Its port and key are new with every installation. It becomes the default only
    where there is none; what staff changed in its config stays.
    """
    endpoint, _ = Endpoint.objects.update_or_create(
        name=DEMO_NAME,
        defaults={"api_base": url, "site_key": _encrypt_key(key, address=url)},
        create_defaults={
            "provider": "demo",
            "api_base": url,
            "site_key": _encrypt_key(key, address=url),
            "default_model": "smollm2",
            "max_in_flight": 2,
            "call_deadline": timedelta(minutes=2),
        },
    )
    config, _ = LLMConfig.objects.get_or_create(
        owner=None,
        name=DEMO_NAME,
        defaults={
            "is_global": True,
            "endpoint": endpoint,
            "model": "smollm2",
            "temperature": 0.2,
            "frequency_penalty": 0.5,
            "max_tokens": 80,
            "context_posts": 2,
            "context_tokens": 120,
        },
    )
    if default_config() is None:
        set_default_config(config=config)
