"""How words get from a worker, through Valkey, to the pages that are open.

Live text is provisional. When Valkey is away it is simply not shown; the reply itself
never depends on it. Per request there is a string with the text so far, under the
request and its lease, and a channel that carries what is added and "look again".
"""

import uuid

TIMEOUT_SECONDS = 1.5


def text_key(public_id: uuid.UUID, lease_token: uuid.UUID) -> str:
    return f"live:text:{public_id}:{lease_token}"


def channel_of(public_id: uuid.UUID) -> str:
    return f"live:{public_id}"
