"""Tries on the test bench: several models side by side, and nothing of it is posted."""

import re
import secrets
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from forum.models import Ask, Notice, Post
from forum.services import posts
from llmconfig.models import (
    AISettings,
    Endpoint,
    LLMConfig,
    ModelPrice,
    Redirect,
)
from llmqueue.models import LLMAttempt, LLMRequest, PromptPart, Status, Stop
from llmqueue.work import runner
from personas.models import OwnerRole, PersonaOwner
from personas.services import drafts, personas, versions
from studio.models import Trial, TrialRun
from studio.services import trials
from studio.tests.conftest import CANARY
from tests.fake_llm import Reply, Seen

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("M-78")]

TRY = "/personas/hermit/try/"


def form(*configs: LLMConfig, **values: str) -> dict:
    """What the form sends; `configs` are ticked."""
    return {"configs": [str(it.pk) for it in configs], "sample": "Why soup?", **values}


@pytest.fixture
def begun(draft, fake_config, other_config) -> Trial:
    """Alice's draft, tried with two models that have not begun."""
    return trials.begin_trial(
        tester=draft.editor,
        chosen=draft,
        configs=[fake_config, other_config],
        sample="Why soup?",
    )


@pytest.fixture
def run(begun) -> TrialRun:
    return begun.runs.in_order().with_request()[0]


def now(run: TrialRun) -> LLMRequest:
    run.request.refresh_from_db()
    return run.request


def test_what_it_costs_is_shown_before_anything_is_sent(
    draft, alice, fake_config, other_config, fake_llm, visit
):
    LLMConfig.objects.filter(pk=other_config.pk).update(max_tokens=77)

    page = visit(alice).post(TRY, form(fake_config, other_config), follow=True)

    assert page.status_code == 200
    assert "Nothing has been sent yet." in page.text
    assert len(re.findall(r"<td>about \d+</td>", page.text)) == 2
    assert "at most 77" in page.text
    assert "<td>no limit</td>" in page.text
    assert page.text.count("unknown") == 2  # no price is not a price of 0
    assert "Try it with 2 models" in page.text
    assert not LLMRequest.objects.exists()
    assert fake_llm.requests == []


@pytest.mark.parametrize("go", [{}, {"confirm": "yes"}, {"version": "draft"}])
def test_who_edits_what_is_only_begun_has_nothing_to_try(
    alice, bob, fake_config, visit, go
):
    begun = drafts.begin_persona(creator=alice, name="Hermit").persona
    PersonaOwner.objects.create(persona=begun, user=bob, role=OwnerRole.EDITOR)

    page = visit(bob).post(TRY, form(fake_config, **go))

    assert page.status_code == 422
    assert "There is nothing to try yet" in page.text
    assert not Trial.objects.exists()


@pytest.mark.parametrize(
    ("most", "shown"),
    [(1000, "at most $0.0007"), (None, "for the prompt; the answer&#x27;s is open")],
)
def test_the_price_is_that_of_the_table(draft, alice, visit, most, shown):
    endpoint = Endpoint.objects.create(
        name="Paid", provider="openai", default_model="gpt-4o-mini"
    )
    Endpoint.objects.update(site_key="is there")
    paid = LLMConfig.objects.create(
        name="Paid model",
        model="gpt-4o-mini",
        endpoint=endpoint,
        is_global=True,
        max_tokens=most,
    )

    page = visit(alice).post(TRY, form(paid), follow=True)

    assert shown in page.text.replace("answer's", "answer&#x27;s")


def test_the_price_is_that_of_what_answers_instead(
    draft, alice, fake_config, other_config, visit
):
    endpoint = other_config.endpoint
    ModelPrice.objects.create(endpoint=endpoint, model="fake-2", in_usd=0, out_usd=5)
    LLMConfig.objects.filter(pk=other_config.pk).update(max_tokens=1000)
    Redirect.objects.create(endpoint=endpoint, model="fake-1", to=other_config)

    page = visit(alice).post(TRY, form(fake_config), follow=True)

    assert "at most $0.0050" in page.text


def test_the_demo_model_is_free(draft, alice, fake_config, visit):
    endpoints = Endpoint.objects.filter(pk=fake_config.endpoint_id)
    endpoints.update(provider="demo", site_key="is there")

    page = visit(alice).post(TRY, form(fake_config), follow=True)

    assert "<td>free</td>" in page.text
    assert "unknown" not in page.text


@pytest.mark.requirement("C-16")
def test_the_queue_counts_tries_for_whoever_tries_and_for_staff(
    begun, alice, bob, staff, visit
):
    def waiting(member: User | None) -> str:
        page = visit(member).get("/queue/").text
        return re.findall(r"<dt>Waiting</dt><dd>(\d+)", page)[0]

    assert waiting(alice) == waiting(staff) == "2"
    assert waiting(bob) == waiting(None) == "0"


def test_the_answers_stand_side_by_side_and_are_never_posted(
    draft, alice, question, fake_config, other_config, fake_llm, visit
):
    fake_llm.answers("Because it is **warm**.", model="fake-1")
    fake_llm.answers("No reason.", model="fake-2")
    client, key = visit(alice), uuid.uuid4().hex
    data = form(fake_config, other_config, post=str(question.pk), key=key)

    estimated = client.post(TRY, data, follow=True)
    hidden = re.findall(r'<input type="hidden" name="(\w+)"', estimated.text)
    answer = client.post(TRY, {**data, "confirm": "yes"}, follow=True)
    waiting = answer.text
    runner.run_next()
    runner.run_next()
    page = client.get(answer.request["PATH_INFO"])

    assert set(hidden) >= {"version", "post", "configs", "sample", "key"}
    assert waiting.count("Waiting") == 2
    assert "data-stream" in waiting
    assert "<strong>warm</strong>" in page.text
    assert "No reason." in page.text
    assert page.text.count("<dt>Tokens</dt>") == page.text.count("<dt>Time</dt>") == 2
    assert "fake-1 at Fake" in page.text
    assert "data-stream" not in page.text
    assert Post.objects.count() == 1
    assert not Ask.objects.exists()
    assert not Notice.objects.exists()
    request = LLMRequest.objects.first()
    assert (request.kind, request.requested_by) == ("test", alice)
    attempt = LLMAttempt.objects.first()
    assert attempt.persona_version is None
    assert attempt.receipt["persona"]["name"] == "Brother Hermit"
    assert attempt.receipt["steps"]["persona"] == [
        {"rule": "on trial", "won": True, "why": "Brother Hermit (draft)"}
    ]
    page = client.get(request.get_absolute_url())
    assert "Brother Hermit (draft)" in page.text
    assert "A try of Hermit" in page.text


def test_a_version_is_tried_as_it_was(hermit, alice, fake_config, fake_llm, visit):
    theirs = drafts.save_draft(
        draft=drafts.draft_of(persona=hermit, editor=alice), role="a sailor"
    )
    versions.publish(draft=theirs)

    visit(alice).post(TRY, form(fake_config, version="1", confirm="yes"))
    runner.run_next()

    attempt = LLMAttempt.objects.get()
    assert attempt.persona_version == hermit.versions.get(number=1)
    assert "of the woods" in str(fake_llm.calls()[-1].body)
    assert "sailor" not in str(fake_llm.calls()[-1].body)


def test_a_draft_is_tried_as_it_was_when_it_was_sent(draft, begun, fake_llm):
    drafts.save_draft(draft=draft, voice="Changed since.")
    drafts.discard_draft(draft=draft)

    runner.run_next()

    assert "Warm, with" in str(fake_llm.calls()[-1].body)


def test_a_persona_that_was_never_published_is_tried(
    alice, fake_config, fake_llm, visit
):
    sketch = drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    drafts.save_draft(draft=sketch, role="a first idea")

    visit(alice).post("/personas/sketch/try/", form(fake_config, confirm="yes"))
    runner.run_next()

    assert TrialRun.objects.get().answer
    assert "You are Sketch, a first idea." in str(fake_llm.calls()[-1].body)


def test_a_form_sent_twice_is_one_try(draft, alice, fake_config, visit):
    client, key = visit(alice), uuid.uuid4().hex

    places = {
        client.post(TRY, form(fake_config, key=key, confirm="yes"))["Location"]
        for _ in range(3)
    }

    assert len(places) == 1
    assert LLMRequest.objects.count() == 1


def test_to_change_something_leads_back_with_all_that_was_chosen(
    draft, alice, fake_config, visit
):
    data = form(fake_config, change="yes", sample="Why tea?")
    page = visit(alice).post(TRY, data, follow=True)

    assert "Why tea?" in page.text
    assert "See what it will cost" in page.text
    assert f'value="{fake_config.pk}" id="id_configs_0" checked' in page.text
    assert not Trial.objects.exists()


def test_what_it_costs_has_a_page_that_one_can_go_back_to(
    draft, alice, fake_config, visit
):
    client, data = visit(alice), form(fake_config, sample="Why tea? " * 1000)

    place = client.post(TRY, data)["Location"]
    page = client.get(place)
    key = page.context["form"]["key"].value()
    client.post(TRY, {**data, "key": key, "confirm": "yes"})
    again = client.get(place)

    assert place == f"{TRY}?step=costs"
    for shown in (page, again):
        assert "Try it with 1 model" in shown.text
    assert again.context["form"]["key"].value() == key  # a second press is the same try
    assert Trial.objects.count() == 1
    assert client.post(TRY, data)["Location"] == place
    assert client.get(place).context["form"]["key"].value() != key
    other = visit(alice).get(place)
    assert "See what it will cost" in other.text


def test_nothing_but_what_the_form_says_is_kept_for_the_next_page(
    draft, alice, fake_config, visit
):
    noise = secrets.token_hex(500_000)
    client = visit(alice)
    data = form(fake_config, sample="Why tea?" + "\u200b" * 100_000)

    client.post(TRY, {**data, "more": noise, "version": [noise, "draft"]})

    assert len(str(dict(client.session.items()))) < 2_000
    assert "Why tea?" in client.get(f"{TRY}?step=change").text


def test_to_try_again_begins_with_all_that_was_chosen(
    begun, fake_config, other_config, alice, bob, visit
):
    address = f"{TRY}?again={begun.public_id}"
    assert f'href="{address}"' in visit(alice).get(begun.get_absolute_url()).text

    page = visit(alice).get(address)

    chosen = page.context["form"]
    assert chosen["sample"].value() == "Why soup?"
    assert set(chosen["configs"].value()) == {fake_config.pk, other_config.pk}
    assert chosen["version"].value() == "draft"
    assert page.text.count("checked") == 2
    assert visit(alice).get(f"{TRY}?again={uuid.uuid4()}").status_code == 404
    assert visit(alice).get(f"{TRY}?again=x").status_code == 200


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"configs": []}, "Please choose at least one model."),
        ({"configs": ["nothing"]}, "is not a valid"),
        ({"configs": [str(uuid.UUID(int=7))]}, "is not one of the available choices"),
        ({"sample": " \u200b "}, "Please choose a post, or write what is asked."),
        ({"sample": "x" * 200_000}, "characters"),
        ({"version": "7"}, "is not one of the available choices"),
        ({"post": "12345678"}, "is not one of the available choices"),
        ({"address": "/t/nothing-1/"}, "There is no post at this address."),
    ],
)
@pytest.mark.parametrize("pressed", [{}, {"confirm": "yes"}])
def test_what_cannot_be_tried_is_said_and_kept(
    values, said, pressed, draft, alice, fake_config, visit
):
    page = visit(alice).post(TRY, {**form(fake_config), **pressed, **values})

    assert page.status_code == 422
    assert said in page.text
    if "sample" not in values:
        assert "Why soup?" in page.text
    assert not Trial.objects.exists()


def test_more_models_than_fit_are_refused(draft, alice, fake_endpoint, visit):
    many = [
        LLMConfig.objects.create(
            name=f"M{n}", model="m", endpoint=fake_endpoint, is_global=True
        )
        for n in range(trials.MOST_CONFIGS + 1)
    ]

    page = visit(alice).post(TRY, form(*many, confirm="yes"))

    assert page.status_code == 422
    assert f"at most {trials.MOST_CONFIGS} fit" in page.text


def test_models_that_are_off_or_somebody_else_s_are_not_offered(
    draft, alice, bob, fake_config, fake_endpoint, visit
):
    theirs, own = (
        LLMConfig.objects.create(
            name=f"Of {member}", owner=member, model="m", endpoint=fake_endpoint
        )
        for member in (bob, alice)
    )
    gone = Endpoint.objects.create(name="Off", provider="openai", is_enabled=False)
    off = LLMConfig.objects.create(
        name="Off model", model="m", endpoint=gone, is_global=True
    )
    client = visit(alice)

    page = client.get(TRY)
    refused = [
        client.post(TRY, form(it, confirm="yes")).status_code for it in (theirs, off)
    ]

    assert "Of alice" in page.text
    assert "Of bob" not in page.text
    assert "Off model" not in page.text
    assert refused == [422, 422]
    assert client.post(TRY, form(own, confirm="yes")).status_code == 302


def test_a_draft_that_cannot_be_published_is_not_tried(
    draft, alice, fake_config, visit
):
    drafts.save_draft(draft=draft, role="")

    page = visit(alice).post(TRY, form(fake_config, confirm="yes"))

    assert page.status_code == 422
    assert "Please say in a line who the persona is." in page.text
    assert not LLMRequest.objects.exists()


def test_what_fails_shows_its_reason_and_can_be_asked_again(
    begun, run, alice, fake_llm, visit
):
    fake_llm.answers(status=401)
    runner.run_next()
    client, address = visit(alice), begun.get_absolute_url()
    page = client.get(address)

    for _ in range(2):
        client.post(address, {"retry": str(run.request.public_id)})

    assert "Failed" in page.text
    assert now(run).error_message in page.text
    assert begun.runs.count() == 3
    again = begun.runs.in_order()[0]
    assert (again.position, again.request.retry_of) == (0, run.request)
    fake_llm.always_answers("At last.")
    runner.run_next()
    runner.run_next()
    assert client.get(address).text.count("At last.") == 2


def test_what_failed_is_not_asked_again_when_its_post_is_gone(
    draft, question, fake_config, fake_llm, alice, visit
):
    begun = trials.begin_trial(
        tester=alice, chosen=draft, configs=[fake_config], post=question
    )
    run = begun.runs.get()
    fake_llm.answers(status=401)
    runner.run_next()
    posts.delete_post(post=question, actor=alice)
    client, address = visit(alice), begun.get_absolute_url()

    page = client.get(address)
    client.post(address, {"retry": str(run.request.public_id)})
    refused = client.post(
        reverse("llmqueue:request_retry", args=[run.request.public_id])
    )

    assert now(run).status == Status.ERROR
    assert 'name="retry"' not in page.text
    assert refused.status_code == 422
    assert "The post is no longer there." in refused.text
    assert begun.runs.count() == 1


@pytest.mark.requirement("C-18")
@pytest.mark.parametrize(
    ("how", "shown"),
    [
        ({"text": "I can't help with that."}, "This looks like a refusal."),
        ({"text": "", "refusal": "I cannot."}, "The model refused to answer this."),
    ],
    ids=["in prose", "by a signal"],
)
def test_a_refusal_is_shown_and_no_other_model_is_asked(
    begun, run, alice, fake_config, other_config, fake_llm, visit, how, shown
):
    LLMConfig.objects.filter(pk=fake_config.pk).update(fallback=other_config)
    begun.runs.exclude(pk=run.pk).delete()
    fake_llm.answers(**how)

    runner.run_next()

    assert [call.model for call in fake_llm.calls()] == ["fake-1"]
    assert not now(run).is_open
    assert shown in visit(alice).get(begun.get_absolute_url()).text


def test_what_waits_can_be_cancelled(begun, run, alice, visit):
    client, address = visit(alice), begun.get_absolute_url()

    client.post(address, {"cancel": str(run.request.public_id)})

    assert now(run).status == Status.CANCELLED
    assert "Cancelled by @alice." in client.get(address).text
    refused = client.post(address, {"cancel": str(run.request.public_id)}, follow=True)
    assert "This request has already ended." in refused.text


def test_another_editor_sees_the_try_but_does_not_act_on_it(begun, run, bob, visit):
    client, address = visit(bob), begun.get_absolute_url()

    page = client.get(address)
    client.post(address, {"cancel": str(run.request.public_id)})

    assert page.status_code == 200
    assert "Cancel" not in page.text
    assert now(run).status == Status.PENDING


def test_one_run_is_looked_at_again_alone(begun, run, alice, visit):
    client, address = visit(alice), begun.get_absolute_url()
    query = {"run": str(run.request.public_id)}

    piece = client.get(address, query, headers={"HX-Request": "true"})

    assert piece.text.strip().startswith("<section")
    assert piece.text.count("<section") == 1
    for wrong in ("", "nothing", str(uuid.uuid4())):
        answer = client.get(address, {"run": wrong}, headers={"HX-Request": "true"})
        assert answer.status_code == 404


def ai_off_for_all(trial: Trial) -> None:
    Stop.objects.create(scope="site")


def ai_off_for_the_tester(trial: Trial) -> None:
    AISettings.objects.create(user=trial.tester, ai_enabled=False)


@pytest.mark.parametrize("switch", [ai_off_for_all, ai_off_for_the_tester])
def test_nothing_is_tried_while_ai_is_off(switch, draft, alice, fake_config, visit):
    switch(Trial(tester=alice))

    page = visit(alice).post(TRY, form(fake_config, confirm="yes"))

    assert page.status_code == 422
    assert "AI is switched off" in page.text
    assert not LLMRequest.objects.exists()


def persona_deleted(trial: Trial) -> None:
    personas.delete_persona(persona=trial.persona, actor=trial.tester)


def rights_lost(trial: Trial) -> None:
    PersonaOwner.objects.filter(persona=trial.persona, user=trial.tester).delete()


def member_left(trial: Trial) -> None:
    User.objects.filter(pk=trial.tester.pk).update(is_active=False)


def model_removed(trial: Trial) -> None:
    Endpoint.objects.update(is_enabled=False)


@pytest.mark.fault("F53", "F55")
@pytest.mark.parametrize(
    ("happened", "status", "reason"),
    [
        (ai_off_for_the_tester, Status.CANCELLED, "AI is switched off."),
        (persona_deleted, Status.CANCELLED, "The persona was deleted."),
        (rights_lost, Status.CANCELLED, "no longer shapes the persona"),
        (member_left, Status.CANCELLED, "no longer a member here"),
        (model_removed, Status.ERROR, "The chosen model is no longer there."),
    ],
)
def test_rights_are_looked_at_again_when_it_runs(
    happened, status, reason, begun, run, staff, fake_llm, visit
):
    happened(begun)
    page = visit(staff).get(run.request.get_absolute_url())

    runner.run_next()

    assert now(run).status == status
    assert reason in run.request.error_message
    assert fake_llm.calls() == []
    assert not TrialRun.objects.exclude(answer="").exists()
    if happened is not model_removed:
        assert "Will not answer as things stand" in page.text
        assert run.request.error_message in page.text.replace("&#x27;", "'")


@pytest.mark.fault("F53")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("happened", [persona_deleted, rights_lost, member_left])
def test_an_answer_that_nobody_may_read_any_more_is_not_kept(
    happened, begun, run, fake_llm
):
    def meddle(seen: Seen) -> Reply:
        happened(begun)
        connection.close()  # this is the provider's thread
        return Reply(text="A secret.")

    fake_llm.answers_by(meddle)

    runner.run_next()

    assert now(run).status == Status.CANCELLED
    assert len(fake_llm.calls()) == 1
    assert not TrialRun.objects.exclude(answer="").exists()
    assert run.request.attempts.get().tokens_out  # it was paid for


def test_a_post_that_was_deleted_meanwhile_is_not_answered(
    draft, alice, bob, question, fake_config, fake_llm, visit
):
    post = posts.reply(parent=question, author=bob, body=f"{CANARY}-of-bob")
    visit(alice).post(TRY, form(fake_config, post=str(post.pk), confirm="yes"))
    posts.delete_post(post=post, actor=bob)

    runner.run_next()

    request = LLMRequest.objects.get()
    assert (request.status, request.error_class) == (Status.CANCELLED, "gone")
    assert fake_llm.calls() == []


def test_a_post_that_vanished_with_its_topic_is_said_to_be_gone(
    draft, alice, question, fake_config, visit
):
    visit(alice).post(TRY, form(fake_config, post=str(question.pk), confirm="yes"))
    Trial.objects.update(post=None)

    runner.run_next()

    assert LLMRequest.objects.get().error_message == "The post is no longer there."
    page = visit(alice).get(Trial.objects.get().get_absolute_url())
    assert "the post it answered is gone" in page.text


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


def test_earlier_tries_are_listed(begun, alice, visit):
    page = visit(alice).get(TRY)

    assert begun.get_absolute_url() in page.text
    assert "The draft on a sample" in page.text


def test_a_link_says_what_is_to_be_tried(
    hermit, draft, alice, question, fake_config, visit
):
    page = visit(alice).get(TRY, {"version": "1", "post": question.pk})

    assert '<option value="1" selected>' in page.text
    assert f'<option value="{question.pk}" selected>' in page.text


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
