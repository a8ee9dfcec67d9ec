"""Asks through real workers, PostgreSQL and Valkey; the oracle is the database and the
provider's own log."""

import json
import threading
import uuid
from datetime import timedelta

import httpx
import pytest
from django.db.models import Count
from django.db.models.functions import Now

from forum.models import Ask, Post
from forum.services import asks, posts
from llmqueue import tasks
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status
from tests.conftest import kill, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("unbroken"),
]


@pytest.fixture
def question(alice, subforum, fake_config) -> Post:
    topic = posts.create_topic(
        subforum=subforum, author=alice, title="Soup", body="How long?"
    )
    return topic.posts.get()


def all_final() -> bool:
    return not LLMRequest.objects.unfinished().exists()


def check_single_replies() -> None:
    """Invariants I1, I2 and I4: one reply for each complete request, none else."""
    complete = LLMRequest.objects.filter(status=Status.COMPLETE)
    assert not complete.filter(ask__reply=None).exists()
    assert not Ask.objects.exclude(request__in=complete).exclude(reply=None).exists()
    replies = Post.objects.exclude(persona_version=None)
    assert replies.count() == complete.count()
    assert not LLMRequest.objects.running().exists()


@pytest.mark.requirement("Q-48", "D-38", "O-61", "F-57")
def test_an_ask_is_answered_by_a_worker(question, alice, start_worker, fake_llm):
    start_worker()
    fake_llm.always_answers("Two hours.")

    ask = asks.ask(post=question, member=alice)
    wait_until(all_final)

    ask.refresh_from_db()
    assert ask.reply.body == "Two hours."
    check_single_replies()


@pytest.mark.requirement("F-61", "P1", "P2", "P4")
@pytest.mark.fault("F01", "F02")
def test_a_killed_workers_ask_is_answered_once_by_the_next(
    question, alice, start_worker, beat, fake_llm
):
    for _ in range(2):
        fake_llm.reset()
        fake_llm.answers(mode="hang")
        fake_llm.always_answers("Two hours.")
        worker = start_worker()
        ask = asks.ask(post=question, member=alice)
        fake_llm.wait_for(1)

        kill(worker)
        rescuer = start_worker()
        wait_until(all_final, seconds=90)
        kill(rescuer)

        ask.refresh_from_db()
        outcomes = ask.request.attempts.order_by("number").values_list("outcome")
        assert [outcome for (outcome,) in outcomes] == [
            Outcome.UNKNOWN,
            Outcome.ANSWERED,
        ]
        assert len(fake_llm.calls()) == 2
    check_single_replies()


@pytest.mark.requirement("P6", "O-63")
@pytest.mark.fault("F12", "F13")
def test_losing_the_broker_loses_no_ask(
    question, alice, servers, start_worker, beat, fake_llm
):
    fake_llm.always_answers("Two hours.")
    for _ in range(20):
        asks.ask(post=question, member=alice)
    servers.restart_valkey()

    start_worker()
    wait_until(all_final, seconds=90)

    assert LLMRequest.objects.filter(status=Status.COMPLETE).count() == 20
    assert len(fake_llm.calls()) == 20
    check_single_replies()


@pytest.mark.requirement("P7")
@pytest.mark.fault("F10")
def test_asking_works_while_the_broker_is_away(
    question, alice, client, servers, start_worker, beat, fake_llm
):
    fake_llm.always_answers("Two hours.")
    start_worker()
    client.force_login(alice)
    servers.stop_valkey()
    try:
        answer = client.post(f"/posts/{question.pk}/ask/", {"persona": ""})
    finally:
        servers.start_valkey()

    assert answer.status_code == 302
    wait_until(all_final, seconds=60)
    check_single_replies()


@pytest.mark.fault("F15")
def test_ten_nudges_are_one_call(question, alice, start_worker, fake_llm):
    fake_llm.always_answers("Two hours.")
    start_worker()

    asks.ask(post=question, member=alice)
    for _ in range(10):
        tasks.nudge()
    wait_until(all_final)
    for _ in range(10):
        tasks.nudge()
    asks.ask(post=question, member=alice)
    wait_until(all_final)

    assert len(fake_llm.calls()) == 2
    check_single_replies()


@pytest.mark.fault("F02")
def test_a_worker_whose_threads_are_all_busy_still_sweeps(
    question, alice, start_worker, fake_llm
):
    fake_llm.answers(mode="hang")
    start_worker(threads=1)
    asks.ask(post=question, member=alice)
    fake_llm.wait_for(1)
    orphan = asks.ask(post=question, member=alice).request
    LLMRequest.objects.filter(pk=orphan.pk).update(
        status=Status.PROCESSING,
        lease_token=uuid.uuid4(),
        lease_until=Now() - timedelta(seconds=1),
    )

    wait_until(lambda: LLMRequest.objects.get(pk=orphan.pk).lapses == 1)

    assert LLMRequest.objects.get(pk=orphan.pk).status == Status.PENDING
    assert len(fake_llm.calls()) == 1


@pytest.mark.fault("F24")
def test_four_calls_at_once_need_no_four_connections(
    question, alice, start_worker, fake_llm
):
    fake_llm.always_answers(mode="hang")
    start_worker(DATABASE_POOL="1")

    for _ in range(4):
        asks.ask(post=question, member=alice)
    fake_llm.wait_for(4)

    assert LLMRequest.objects.running().count() == 4


@pytest.mark.fault("F05")
def test_a_stopped_worker_gives_its_work_back_at_once(
    question, alice, start_worker, fake_llm
):
    worker = start_worker()
    fake_llm.answers(mode="hang")
    ask = asks.ask(post=question, member=alice)
    fake_llm.wait_for(1)

    worker.terminate()
    worker.wait(60)

    ask.request.refresh_from_db()
    assert (ask.request.status, ask.request.lapses) == (Status.PENDING, 0)
    assert LLMAttempt.objects.get().outcome == Outcome.INTERRUPTED


@pytest.mark.fault("F47")
def test_a_storm_of_failures_ends_every_ask(
    question, alice, bob, carol, start_worker, beat, fake_llm
):
    for number in range(40):
        kind = number % 8
        if kind == 0:
            fake_llm.answers(status=429, retry_after=1)
        elif kind == 1:
            fake_llm.answers(status=500)
        elif kind == 2:
            fake_llm.answers(mode="reset")
        elif kind == 3:
            fake_llm.answers(mode="malformed")
        else:
            fake_llm.answers("Two hours.")
    for member in (alice, bob, carol) * 10:
        asks.ask(post=question, member=member)

    start_worker()
    wait_until(all_final, seconds=240)

    per_request = LLMAttempt.objects.values("request").annotate(calls=Count("pk"))
    assert max(row["calls"] for row in per_request) <= 4
    assert len(fake_llm.calls()) == LLMAttempt.objects.count()
    check_single_replies()


@pytest.mark.requirement("F-57")
def test_words_arrive_in_the_readers_stream(
    question, alice, client, web, start_worker, fake_llm
):
    words = "One two three four five six."
    start_worker()
    fake_llm.gate.clear()
    fake_llm.always_answers(words, chunks=6, held_after=6)
    ask = asks.ask(post=question, member=alice)
    early, late = _Reader(web, question), _Reader(web, question)

    early.start()
    wait_until(lambda: early.text)
    late.start()
    wait_until(lambda: late.text)
    first_of_late = late.pieces[0]
    wait_until(lambda: early.text == late.text == words)
    fake_llm.gate.set()
    wait_until(all_final)
    early.join(60)
    late.join(60)

    assert early.text == late.text == words
    assert first_of_late.startswith("One")
    assert early.states.count(str(ask.request.public_id)) >= 1
    assert early.ended


class _Reader(threading.Thread):
    """A guest who keeps the stream of a topic open."""

    def __init__(self, web: str, post: Post) -> None:
        super().__init__(daemon=True)
        self.client = httpx.Client(base_url=web, timeout=60)
        page = self.client.get(post.topic.get_absolute_url()).text
        assert "data-stream" in page, page
        self.url = page.split('data-stream="')[1].split('"')[0].replace("&amp;", "&")
        self.text = ""
        self.pieces: list[str] = []
        self.states: list[str] = []
        self.ended = False

    def run(self) -> None:
        with self.client.stream("GET", self.url) as answer:
            name = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    self.take(name, json.loads(line.removeprefix("data: ")))
                if self.ended:
                    return

    def take(self, name: str, news: dict) -> None:
        if name == "text":
            kept = "" if news["restart"] else self.text[: news["at"]]
            self.text = kept + news["text"]
            self.pieces.append(news["text"])
        elif name == "state":
            self.states.append(news["ask"])
        elif name == "end":
            self.ended = True


@pytest.mark.fault("A-IDOR-1")
def test_a_stream_needs_a_token_of_this_session_and_topic(
    question, alice, web, fake_config
):
    asks.ask(post=question, member=alice)
    reader = _Reader(web, question)
    stranger = httpx.Client(base_url=web, cookies={"session": "another"}, timeout=60)
    path = reader.url.split("?")[0]

    assert stranger.get(reader.url).status_code == 403
    assert reader.client.get(path).status_code == 403
    assert reader.client.get(path + "?token=forged").status_code == 403
    other = reader.url.replace(f"/{question.topic_id}/", "/999999/")
    assert reader.client.get(other).status_code == 403
