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
        "stops_keys": "on",
    },
    "studio:failure_simulate": {"outcome": "refused", "calls": "1", "minutes": "5"},
    "studio:stop_create": {"scope": "site", "reason": "Down.", "running": "finish"},
    "llmconfig:config_create": {"name": "Calm", "model": "m"},
    "llmconfig:config_guide": {"name": "Calm"},
    "studio:budget_edit": {"requests": "30", "period": "monthly"},
    "studio:limit_create": {"whom": "site", "period": "total", "requests": "9"},
    "studio:limit_edit": {"requests": "9"},
    "studio:limit_toggle": {"enable": "no"},
    "studio:window_create": {"weekdays": "5", "start_hour": "22", "end_hour": "6"},
    "studio:window_edit": {"weekdays": "5", "start_hour": "22", "end_hour": "6"},
    "studio:window_toggle": {"enable": "no"},
    "llmconfig:price_list": {"model": "m", "in_usd": "1", "out_usd": "2"},
    "studio:site_edit": {"site_name": "Soup", "site_rules": "Be kind."},
    "llmconfig:key_edit": {"key": "sk-typed-into-the-form-1234"},
    "llmconfig:endpoint_toggle": {"enable": "yes"},
    "studio:ai_switch": {"enable": "yes"},
    "forum:subforum_personas_change": {"clear": "yes"},
    "personas:persona_people": {"member": "@warden", "role": "editor"},
    "personas:persona_transfer": {"member": "@bob"},
    "personas:persona_visibility": {"visibility": "public"},
    "personas:site_default_change": {"clear": "yes"},
    "personas:group_list": {"name": "Bakers"},
    "personas:group_detail": {"member": "@bob"},
    "personas:group_rename": {"name": "Bakers"},
    "personas:alias_create": {"name": "Boss"},
    "personas:identity_create": {"name": "Cook"},
    "personas:identity_edit": {"name": "Cook"},
    "personas:prompt_create": {"name": "Kind", "text": "Be kind."},
    "personas:prompt_edit": {"name": "Kind", "text": "Be kind."},
    "studio:persona_try": {"sample": "Why soup?"},
    "personas:persona_create": {"name": "Baker"},
    "personas:guide_step": {"role": "a baker", "go": "next"},
    "personas:persona_edit": {"name": "Baker", "role": "a baker", "rows": "1"},
    "personas:draft_check": {"role": "a baker"},
    "personas:persona_publish": {"visibility": "private"},
}

# Addresses of two parts, of which each could belong to something else; the value says
# which test looks at that.
NESTED = {
    "personas:group_remove": "either may be any: taking out who is not in does nothing",
    "personas:persona_download": "the form is no object: the persona alone decides",
    "llmconfig:price_delete": "test_entered_prices.py: the price must be the endpoint's",
    "studio:topic_answering": "test_answering.py: the slug must be the topic's own",
    "forum:version_posts": "test_versions_views.py: the number is looked up in the persona",
    "personas:version_detail": "the same",
    "personas:version_revert": "the same",
    "studio:trial_detail": "test_trial_readers.py: the slug must be that of its persona",
    "personas:guide_step": "test_guide.py: a step that is none is not found",
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
