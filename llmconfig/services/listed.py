"""The list of models that an endpoint keeps of its provider, as a help in forms."""

from typing import Any

from django.utils import timezone

from llmconfig.models import Endpoint
from llmconfig.services.keys import call_secrets
from llmconfig.trial import read_models


def list_of(models: list[str] | None) -> dict[str, Any]:
    """`models` as an endpoint's fields; nothing if the list could not be read."""
    if models is None:
        return {}
    return {"listed_models": models, "listed_at": timezone.now()}


def keep_models(*, endpoint: Endpoint, models: list[str] | None) -> None:
    """Keep the list, unless the endpoint got another address meanwhile."""
    if models is not None:
        same = Endpoint.objects.filter(pk=endpoint.pk, api_base=endpoint.api_base)
        same.update(**list_of(models))


def refresh_models(*, endpoint: Endpoint) -> list[str]:
    """Ask the provider for its models again, and keep them; empty: it has no list.

    Raises AddressDenied, SecretUnreadable or TrialFailed, the old list being kept.
    """
    models = read_models(
        provider=endpoint.kind,
        address=endpoint.address,
        key=call_secrets(endpoint=endpoint),
    )
    keep_models(endpoint=endpoint, models=models)
    return models
