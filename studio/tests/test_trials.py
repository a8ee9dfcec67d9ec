"""Tries on the test bench: several models side by side, and nothing of it is posted."""

import re
import uuid

import pytest
from django.db import connection
from django.urls import reverse

from accounts.models import User
from forum.models import Ask, Notice, Post
from forum.services import posts
from llmconfig.models import Endpoint, LLMConfig
from llmqueue.models import LLMAttempt, LLMRequest, Status
from llmqueue.work import runner
from personas.models import PersonaOwner
from personas.services import drafts, personas, versions
from studio.models import Trial, TrialRun
from studio.services import trials
from studio.tests.conftest import CANARY
from studio.tests.trying import TRY, ai_off_for_the_tester, form, now
from tests.fake_llm import Reply, Seen

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("M-78")]


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


def test_one_run_is_looked_at_again_alone(begun, run, alice, visit):
    client, address = visit(alice), begun.get_absolute_url()
    query = {"run": str(run.request.public_id)}

    piece = client.get(address, query, headers={"HX-Request": "true"})

    assert piece.text.strip().startswith("<section")
    assert piece.text.count("<section") == 1
    for wrong in ("", "nothing", str(uuid.uuid4())):
        answer = client.get(address, {"run": wrong}, headers={"HX-Request": "true"})
        assert answer.status_code == 404


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
