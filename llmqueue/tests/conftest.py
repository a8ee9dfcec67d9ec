"""What tests of the queue are made of."""

import itertools
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Q, QuerySet
from django.utils import timezone

from core.errors import NotAllowed
from llmconfig.models import Endpoint, LLMConfig, ModelPrice
from llmqueue import handlers
from llmqueue.errors import Refused
from llmqueue.handlers import Conversation, Inputs, Passage, Subject
from llmqueue.models import LLMRequest, Status
from llmqueue.tests.limits import broken
from llmqueue.work import lanes, runner, sweeper
from llmqueue.work.control import Control
from personas.models import Persona
from tests.own_keys import bring_site_key

_number = itertools.count(1)


@pytest.fixture
def make_endpoint(db) -> Callable[..., Endpoint]:
    def make(**fields) -> Endpoint:
        number = next(_number)
        defaults = {"name": f"Endpoint {number}", "provider": "compatible"}
        return Endpoint.objects.create(**(defaults | fields))

    return make


@pytest.fixture
def make_config(make_endpoint) -> Callable[..., LLMConfig]:
    def make(name: str, **fields) -> LLMConfig:
        fields.setdefault("is_global", "owner" not in fields)
        fields.setdefault("endpoint", None)
        fields["endpoint"] = fields["endpoint"] or make_endpoint()
        return LLMConfig.objects.create(name=name, model=f"model-{name}", **fields)

    return make


@pytest.fixture
def maestro(db) -> Persona:
    return Persona.objects.with_versions().get(slug="maestro")


class NoteHandler:
    """A kind of the tests' own: answers are kept in a list, rights are a switch."""

    kind = "note"
    is_private = False
    may_fall_back = True

    def __init__(self) -> None:
        self.delivered: list[tuple[int, str]] = []
        self.ended_with: list[tuple[int, Status]] = []
        self.refusal: Refused | None = None
        self.refuse_delivery: Refused | None = None

    def inputs(self, request: LLMRequest) -> Inputs:
        if self.refusal:
            raise self.refusal
        return Inputs(
            member=request.requested_by,
            persona=request.persona,
            config=request.config,
            endpoint=request.endpoint,
            mode=request.mode,
            lost_persona=bool(request.asked_name) and request.persona is None,
        )

    def ended(self, request: LLMRequest, status: Status) -> None:
        self.ended_with.append((request.pk, status))

    def visible(self, user: object) -> Q:
        return Q(kind=self.kind)

    def with_subjects(self, requests: QuerySet[LLMRequest]) -> QuerySet[LLMRequest]:
        return requests

    def subjects(self, requests: Iterable[LLMRequest]) -> dict[int, Subject]:
        return {}

    def outlook(self, requests: Iterable[LLMRequest]) -> dict[int, Inputs | Refused]:
        return {it.pk: self.inputs(it) for it in requests}

    def readable(
        self, attempt: object, sources: object, user: object
    ) -> set[tuple[str, str]]:
        return set()

    def find_place(self, name: str) -> None:
        return None

    def why_not_retried(self, request: LLMRequest) -> NotAllowed | None:
        return NotAllowed()

    def retry(self, *, request: LLMRequest, member: object) -> LLMRequest:
        raise NotAllowed

    def messages(self, request: LLMRequest, *, most_passages: int) -> Conversation:
        target = Passage(
            number=1, author="alice", text="What is a list?", source_key="1"
        )
        return Conversation(place="The topic is a test.", target=target)

    def deliver(self, attempt, *, text: str, html: str) -> None:
        if self.refuse_delivery:
            raise self.refuse_delivery
        self.delivered.append((attempt.request_id, text))


@pytest.fixture
def note_handler(monkeypatch) -> NoteHandler:
    handler = NoteHandler()
    monkeypatch.setitem(handlers._handlers, "note", handler)
    return handler


@pytest.fixture
def make_request(db, alice) -> Callable[..., LLMRequest]:
    """Pending requests of the kind `note`, queued as `services.enqueue` does."""

    def make(*, member=alice, endpoint: Endpoint | None = None, **fields) -> LLMRequest:
        lane = lanes.lane_of(endpoint)
        return LLMRequest.objects.create(
            kind="note",
            requested_by=member,
            lane=lane,
            turn=lanes.next_turn(lane, member.pk),
            **fields,
        )

    return make


@pytest.fixture
def pending_request(note_handler, fake_config, make_request):
    return make_request(endpoint=fake_config.endpoint)


def run_until_quiet(most: int = 10) -> None:
    """Run what is claimable, and what was delayed, as if its time had come."""
    for _ in range(most):
        LLMRequest.objects.filter(is_ready=False, status=Status.PENDING).update(
            not_before=timezone.now() - timedelta(seconds=1)
        )
        sweeper.make_due_ready()
        if not runner.run_next():
            return


@pytest.fixture
def watching(monkeypatch):
    """The control of a worker process, running."""
    fresh = Control()
    monkeypatch.setattr(runner, "control", fresh)
    fresh.start()
    yield fresh
    fresh.stop()


@pytest.fixture
def promises_held():
    """The queue keeps its promises to the end of the test."""
    yield
    assert broken() == []


@pytest.fixture
def priced(fake_config):
    """The site's model at a dollar for a thousand tokens of its reply."""
    fake_config.max_tokens = 100
    fake_config.save()
    return ModelPrice.objects.create(
        endpoint=fake_config.endpoint,
        model=fake_config.model.upper(),
        in_usd=Decimal(0),
        out_usd=Decimal(1000),
    )


@pytest.fixture
def paid(fake_config) -> Endpoint:
    """The fake provider with the site's key."""
    return bring_site_key(fake_config.endpoint)
