"""Members' own keys for the tests."""

from typing import Any

from accounts.models import User
from llmconfig.addresses import host_and_port
from llmconfig.models import ApiKey, Endpoint
from llmconfig.services import keys


def bring_key(user: User, endpoint: Endpoint, key: str, **fields: Any) -> ApiKey:
    """A member's own key as `own_keys.save_key` leaves it, without a trial."""
    return ApiKey.objects.create(
        user=user,
        endpoint=endpoint,
        secret=keys.encrypt_own_key(key, owner=user, address=endpoint.address),
        last_four=keys.last_four(key),
        host=host_and_port(endpoint.address),
        **fields,
    )
