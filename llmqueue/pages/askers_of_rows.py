"""What decides for those who asked, read in the same query as a page's rows."""

from collections.abc import Iterable
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef
from django.db.models.functions import JSONObject

from accounts.tiers import Tier, tier_if
from llmconfig.models import ApiKey, Redirect
from llmqueue.models import LLMRequest
from llmqueue.resolution.lookups import Joined


def columns() -> dict[str, Any]:
    """The columns that `joined_of` wants of each row."""
    asker = OuterRef("requested_by")
    keys = ApiKey.objects.filter(user=asker, endpoint__takes_own_keys=True)
    return {
        "is_asker_confirmed": Exists(
            EmailAddress.objects.filter(user=asker, verified=True)
        ),
        "asker_keys": ArraySubquery(
            keys.values(data=JSONObject(endpoint_id="endpoint_id", host="host"))
        ),
        "is_redirected": Exists(Redirect.objects.active()),
    }


def joined_of(requests: Iterable[LLMRequest]) -> Joined:
    """What rows with those columns say of who asked."""
    tiers: dict[int, Tier] = {}
    keys: dict[int, dict[int, ApiKey]] = {}
    has_redirects = False
    for row in requests:
        has_redirects |= row.is_redirected  # type: ignore[attr-defined]
        if (member := row.requested_by) is None:
            continue
        is_confirmed = row.is_asker_confirmed  # type: ignore[attr-defined]
        tiers[member.pk] = tier_if(member, is_confirmed=is_confirmed)
        keys[member.pk] = {
            data["endpoint_id"]: ApiKey(user=member, **data)
            for data in row.asker_keys  # type: ignore[attr-defined]
        }
    return Joined(tiers, keys, has_redirects)
