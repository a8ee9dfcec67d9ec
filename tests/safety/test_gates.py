"""Nothing that leads to a model goes past the switches, whichever page asks for it."""

from typing import Any

import pytest

from llmconfig.models import AISettings, LLMConfig
from llmqueue.models import LLMRequest, Stop
from llmqueue.work import runner
from studio.models import Trial
from tests.safety.access import DATA, read_table
from tests.safety.conftest import Stage
from tests.safety.routes import all_routes
from tests.safety.test_access import undone

ROUTES = {route.name: route for route in all_routes()}
# Every page that leads to a call. One that is new belongs here, and behind the switches.
SURFACES = {
    "forum:ask_create",
    "forum:ask_retry",
    "llmqueue:request_retry",
    "studio:persona_try",
    "studio:trial_detail",
}


def surfaces_open_to(stage: Stage, actor: str) -> set[str]:
    """The routes at which a POST of the actor's makes a request now."""
    found = set()
    config = LLMConfig.objects.get(is_default=True)
    tried = stage.objects["tried-request"]["request_id"]
    data: dict[str, dict[str, Any]] = {
        **DATA,
        "studio:persona_try": {
            "sample": "Why soup?",
            "configs": config.pk,
            "confirm": "yes",
        },
        "studio:trial_detail": {"retry": tried},
    }
    client = stage.clients[actor]
    before = LLMRequest.objects.count()
    for cell in read_table():
        if (cell.method, cell.actor) != ("POST", actor):
            continue
        values = stage.objects[cell.thing]
        with undone(client):
            address = ROUTES[cell.route].address(values)
            client.post(address, data.get(cell.route, {}))
            if LLMRequest.objects.count() > before:
                found.add(cell.route)
    return found


@pytest.fixture
def retried(stage: Stage, fake_llm) -> Stage:
    """Also the try has ended without an answer, so that it can be made again."""
    fake_llm.always_answers(status=401)
    while runner.run_next():
        pass
    assert Trial.objects.get().runs.get().request.status == "error"
    return stage


@pytest.mark.requirement("M-32")
def test_every_page_that_leads_to_a_model_is_known(retried):
    assert surfaces_open_to(retried, "owner") == SURFACES


@pytest.mark.requirement("M-32", "M-33")
@pytest.mark.parametrize("switch", ["environment", "site", "own"])
def test_what_is_off_is_off_on_every_page(retried, settings, switch):
    alice = retried.people["owner"]
    if switch == "environment":
        settings.AI_FEATURES_ENABLED = False
    elif switch == "site":
        Stop.objects.create(scope="site")
    else:
        AISettings.objects.create(user=alice, ai_enabled=False)

    assert surfaces_open_to(retried, "owner") == set()


@pytest.mark.requirement("M-24", "M-32")
def test_a_guest_finds_no_page_that_leads_to_a_model(retried):
    assert surfaces_open_to(retried, "guest") == set()
