"""What tests of the queue are made of."""

import itertools
from collections.abc import Callable

import pytest

from llmconfig.models import Endpoint, LLMConfig
from llmqueue import handlers, lanes
from llmqueue.errors import Refused
from llmqueue.handlers import Conversation, Inputs, Turn
from llmqueue.models import LLMRequest

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


class NoteHandler:
    """A kind of the tests' own: answers are kept in a list, rights are a switch."""

    kind = "note"

    def __init__(self) -> None:
        self.delivered: list[tuple[int, str]] = []
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

    def messages(self, request: LLMRequest, *, most_turns: int) -> Conversation:
        target = Turn(number=1, author="alice", text="What is a list?", source_key="1")
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
