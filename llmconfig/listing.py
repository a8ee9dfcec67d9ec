"""The list of models that a provider shows."""

import re

from core.encryption import spellings_of
from llmconfig.asking import Service, answer_of
from llmconfig.errors import CallFailed

LIST_SECONDS = 10
MOST_LISTED = 2_000
# Nothing else of what a service calls its models is kept or shown.
_NAME = re.compile(r"[\w.:/@+-]{1,120}", re.ASCII)


async def list_models(service: Service) -> list[str]:
    """The names of the service's models, each once; empty if it has no such list.

    Raises CallFailed.
    """
    path = "/v1/models?limit=1000" if service.is_anthropic else "/models"
    try:
        async with answer_of(service, path, seconds=LIST_SECONDS) as answer:
            await answer.aread()
            return _names(answer.json()["data"], key=service.key)
    except CallFailed as failure:
        if failure.status in (404, 405):
            return []
        raise


def _names(rows: list[dict[str, object]], *, key: str) -> list[str]:
    names = (str(row["id"]).removeprefix("models/") for row in rows)  # Google's
    told = spellings_of(key) if key else ()
    shown = (
        name
        for name in names
        if _NAME.fullmatch(name) and not any(it in name for it in told)
    )
    return list(dict.fromkeys(shown))[:MOST_LISTED]
