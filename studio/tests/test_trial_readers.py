"""Who sees a try, and which of its words."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from llmqueue.models import PromptPart, Status
from llmqueue.work import runner
from personas.models import PersonaOwner
from personas.services import versions
from studio.models import Trial
from studio.services import trials
from studio.tests.conftest import CANARY
from studio.tests.trying import TRY, now

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("M-78")]


@pytest.mark.requirement("C-16")
def test_the_queue_counts_tries_for_whoever_tries_and_for_staff(
    begun, alice, bob, staff, visit
):
    def waiting(member: User | None) -> str:
        page = visit(member).get("/queue/").text
        return re.findall(r"<dt>Waiting</dt><dd>(\d+)", page)[0]

    assert waiting(alice) == waiting(staff) == "2"
    assert waiting(bob) == waiting(None) == "0"


def test_another_editor_sees_the_try_but_does_not_act_on_it(begun, run, bob, visit):
    client, address = visit(bob), begun.get_absolute_url()

    page = client.get(address)
    client.post(address, {"cancel": str(run.request.public_id)})

    assert page.status_code == 200
    assert "Cancel" not in page.text
    assert now(run).status == Status.PENDING


@pytest.mark.requirement("Q-40", "C-16")
def test_a_try_is_seen_by_those_who_shape_the_persona(
    begun, alice, bob, carol, staff, make_member, fake_llm, visit
):
    fake_llm.always_answers(f"As a {CANARY}, I say no.")
    runner.run_next()
    runner.run_next()
    root = make_member("root", is_staff=True, is_superuser=True)
    members = {"alice": alice, "bob": bob, "carol": carol, "staff": staff, "root": root}

    seen = {
        name: visit(member).get(begun.get_absolute_url())
        for name, member in {**members, "guest": None}.items()
    }

    assert {name: answer.status_code for name, answer in seen.items()} == {
        "alice": 200,
        "bob": 200,
        "root": 200,
        "carol": 404,
        "staff": 404,
        "guest": 302,
    }
    for name in ("carol", "staff", "guest"):
        assert CANARY not in seen[name].text


@pytest.mark.requirement("Q-40", "C-16")
def test_no_word_of_a_private_persona_reaches_anybody_else(
    begun, run, hermit, alice, bob, carol, staff, fake_llm, visit
):
    fake_llm.always_answers(f"As a {CANARY}, I say no.")
    request = run.request
    pages = ["/queue/", request.get_absolute_url(), begun.get_absolute_url(), TRY]
    pages += ["/personas/hermit/preview/", "/queue/?persona=hermit", "/"]
    pages += [f"/live/tries/{begun.public_id}/"]

    def seen(member) -> str:
        return "".join(visit(member).get(page).text for page in pages)

    before = {name: seen(member) for name, member in [("carol", carol), ("", None)]}
    runner.run_next()

    for texts in (before["carol"], before[""], seen(carol), seen(None)):
        assert "Hermit" not in texts
        assert CANARY not in texts
    assert str(request.public_id) not in visit(carol).get("/queue/").text
    # Staff see that it is there, and none of its words; the editor has his own pages.
    assert "A try of Hermit" in visit(staff).get("/queue/").text
    assert CANARY not in seen(staff)
    assert visit(bob).get(request.get_absolute_url()).status_code == 404


@pytest.mark.requirement("C-16")
def test_the_stored_prompt_of_a_draft_is_for_those_who_shape_it(
    begun, run, alice, staff, visit
):
    runner.run_next()
    address = run.request.get_absolute_url()

    own = visit(alice).get(address)
    other = visit(staff).get(address)
    PersonaOwner.objects.filter(user=alice).delete()
    later = visit(alice).get(address)

    assert f"{CANARY}-draft" in own.text
    assert "Why soup?" in own.text
    for page in (other, later):
        assert CANARY not in page.text
        assert "Why soup?" not in page.text
        assert "Not for you to read." in page.text


def test_the_queue_shows_a_try_to_the_tester_and_staff(
    begun, alice, bob, carol, staff, visit
):
    title = "A try of Hermit"

    seen = {
        name: title in visit(member).get("/queue/").text
        for name, member in {
            "alice": alice,
            "bob": bob,
            "carol": carol,
            "staff": staff,
            "guest": None,
        }.items()
    }

    assert seen == {
        "alice": True,
        "bob": False,
        "carol": False,
        "staff": True,
        "guest": False,
    }
    assert "Will answer as <b>Hermit (draft)</b>" in visit(alice).get("/queue/").text


def test_the_queue_costs_the_same_for_many_tries(
    draft, begun, fake_config, alice, staff, visit
):
    client, costs = visit(staff), []
    for count in (1, 8):
        for _ in range(count):
            trials.begin_trial(
                tester=alice, chosen=draft, configs=[fake_config], sample="Why?"
            )
        with CaptureQueriesContext(connection) as queries:
            client.get("/queue/")
        costs.append(len(queries))

    assert costs[1] <= costs[0]


def test_a_try_belongs_to_its_persona_s_address(begun, alice, make_persona, visit):
    make_persona("other", owner=alice)

    crossed = begun.get_absolute_url().replace("hermit", "other")

    assert visit(alice).get(crossed).status_code == 404
    assert visit(alice).get("/personas/other/try/").text.count("Earlier tries") == 0


def test_an_erased_version_s_words_go_from_prompts_and_tries(
    draft, alice, fake_config, fake_llm
):
    fake_llm.answers("Yes.", model="fake-1")
    version = draft.base
    for chosen in (version, draft):
        trials.begin_trial(
            tester=alice, chosen=chosen, configs=[fake_config], sample="Why soup?"
        )
        runner.run_next()
    texts = PromptPart.objects.values_list("text", flat=True)
    sent = [text for text in texts.all() if CANARY in text]

    versions.erase_version(version=version, actor=None)

    assert len(sent) > 1
    assert not [text for text in texts.all() if CANARY in text]
    tried = Trial.objects.get(version=None).definition
    assert (tried["role"], tried["name"]) == ("", "Brother Hermit")
    assert tried["knowledge"] == ["moss"]  # the draft's own
    draft.refresh_from_db()
    assert (draft.role, draft.knowledge) == ("", ["moss", "  "])
