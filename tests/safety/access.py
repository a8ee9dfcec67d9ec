"""Reads `access.txt`, the one table of routes, actors and the status each gets."""

from dataclasses import dataclass
from pathlib import Path

from tests.safety.conftest import ACTORS

TABLE = Path(__file__).with_suffix(".txt")

# What is sent with POST, so that the status is that of a form that is right.
DATA: dict[str, dict[str, str]] = {
    "account_login": {"login": "x@example.com", "password": "wrong"},
    "accounts:profile_edit": {"display_name": "Albert", "timezone": "UTC"},
    "forum:topic_create": {"title": "Bread", "body": "How long?"},
    "forum:reply_create": {"body": "Yes."},
    "forum:post_edit": {"body": "No."},
    "forum:post_preview": {"body": "*Yes*."},
    "forum:ask_create": {"persona": ""},
    "llmconfig:endpoint_create": {
        "provider": "compatible",
        "address": "https://llm.example/v1",
        "model": "large",
    },
    "llmconfig:endpoint_edit": {
        "name": "Fake",
        "address": "https://llm.example/v1",
        "model": "large",
        "max_in_flight": "4",
        "deadline_seconds": "30",
    },
    "studio:site_edit": {"site_name": "Soup", "site_rules": "Be kind."},
    "llmconfig:endpoint_toggle": {"enable": "yes"},
}

# Addresses of two parts, of which each could belong to something else; the value says
# which test looks at that.
NESTED = {
    "studio:topic_answering": "test_answering.py: the slug must be the topic's own",
    "forum:topic_detail": "the slug is for readers only: any leads to the topic's own",
    "accounts:signin_link": "test_a_token_opens_only_what_it_was_made_for",
    "account_reset_password_from_key": "test_a_token_opens_only_what_it_was_made_for",
}


@dataclass(frozen=True)
class Cell:
    """What one actor gets for one route and object."""

    method: str
    route: str
    thing: str
    actor: str
    status: str


def read_table() -> list[Cell]:
    """The cells of TABLE; raises ValueError for a line of another form."""
    cells = []
    for line in TABLE.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        method, route, things, *statuses = line.split()
        for thing in things.split(","):
            cells += [
                Cell(method, route, thing, actor, status)
                for actor, status in zip(ACTORS, statuses, strict=True)
            ]
    return cells
