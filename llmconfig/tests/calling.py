"""What tests of calls and endpoints share."""

import pytest

from llmconfig import client
from llmconfig.client import Call, CallFailed

KEY = "sk-canary-4b1d9c"
SITE_KEY = "sk-canary-of-the-site-42"


def failure_of(call: Call, **kwargs) -> CallFailed:
    """The failure that `call` ends with; it never tells the key."""
    with pytest.raises(CallFailed) as caught:
        client.complete(call, **kwargs)
    assert KEY not in f"{caught.value} {caught.value.message} {caught.value.partial}"
    return caught.value
