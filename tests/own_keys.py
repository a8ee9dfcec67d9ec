"""Keys for the tests: members' own, and the site's."""

from typing import Any

from accounts.models import User
from llmconfig.addresses import host_and_port
from llmconfig.models import ApiKey, Endpoint
from llmconfig.services import keys
from tests.fake_llm import FakeLLM

OWN_KEY = "sk-canary-own-key-of-a-member-77"
SITE_KEY = "sk-canary-key-of-the-site-itself-42"


def bring_site_key(endpoint: Endpoint) -> Endpoint:
    """`endpoint` with the site's key, as staff leave it."""
    endpoint.site_key = keys.encrypt_site_key(SITE_KEY, address=endpoint.address)
    endpoint.save()
    return endpoint


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


def keys_seen(server: FakeLLM) -> list[str]:
    """The keys of the calls that `server` got, in their order."""
    return [seen.key for seen in server.calls()]
