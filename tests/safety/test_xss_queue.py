"""What people and models write is shown as words in the queue, notices, record and admin.

As in `test_xss_sinks`: a page has the same elements and attributes whatever the texts are.
Many texts go on one page, as html5lib takes most of the time.
"""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import views as accounts_views
from accounts.models import User
from accounts.services import record
from core import markup
from core.models import Handle, SiteSettings
from forum.models import Ask, Notice, NoticeKind, Post, Subforum, Topic
from forum.services import notices
from llmconfig.models import Endpoint, LLMConfig, ModelProfile
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, PromptPart, Status
from llmqueue.pages import history
from llmqueue.work import lanes
from personas.models import Persona, PersonaOwner, PersonaVersion, Visibility
from tests.safety.pages import active_content, parse, shape
from tests.safety.test_xss_sinks import HARMLESS, SAMPLE, storable

pytestmark = [pytest.mark.django_db, pytest.mark.fault("A-XSS-1")]

PER_PAGE = 60
BATCHES = list(itertools.batched(SAMPLE, PER_PAGE, strict=False))
# Of two lines, since the admin shows the end of one as an element.
PLAIN = (f"{HARMLESS}\nof two lines",) * PER_PAGE


@pytest.fixture
def root(people) -> User:
    return people["superuser"]


@pytest.fixture
def reader(clients) -> Client:
    """A superuser, who is shown the most."""
    return clients["superuser"]


def check(
    page_with: Callable[[Iterable[str]], str],
    *,
    batches: Iterable[tuple[str, ...]] = BATCHES,
) -> None:
    """The page `page_with` makes of texts has the elements of that of plain words."""
    page_with(PLAIN)  # the next page has older ones behind it, as all that follow
    harmless = parse(page_with(PLAIN))
    known = set(shape(harmless))
    assert HARMLESS in "".join(harmless.itertext())
    for texts in batches:
        compare(page_with(texts), known)


def compare(page: str, known: set[Any]) -> None:
    root = parse(page)
    assert active_content(root) == []
    assert set(shape(root)) <= known


def receipt_of(texts: list[str]) -> dict[str, Any]:
    """A receipt that holds all these texts."""
    first, *_ = texts
    steps = [{"rule": it, "won": True, "why": it} for it in texts]
    return {
        "persona": {"id": 1, "name": first, "version": first},
        "model": dict.fromkeys(("config", "endpoint", "provider", "model"), first),
        "parameters": dict(zip(texts, texts, strict=True)),
        "key": first,
        "notes": list(texts),
        "steps": dict.fromkeys(("persona", "config", "prompt", "key"), steps),
    }


def rename_place(topic: Topic, text: str) -> None:
    title = storable(markup.one_line(text), 150)
    Topic.objects.filter(pk=topic.pk).update(title=title)
    Subforum.objects.filter(pk=topic.subforum_id).update(name=title[:60])


class Crowd:
    """As many members, personas, requests and notices as stand on one page."""

    def __init__(self, opening: Post, root: User) -> None:
        names = [f"m{at}" for at in range(2 * PER_PAGE)]
        handles = Handle.objects.bulk_create(
            Handle(name=it, skeleton=it) for it in names
        )
        self.topic = opening.topic
        self.members = User.objects.bulk_create(
            User(email=f"{handle}@example.com", handle=handle)
            for handle in handles[:PER_PAGE]
        )
        # Private ones, since two that all may meet never have one name.
        self.personas = Persona.objects.bulk_create(
            Persona(handle=it, slug=it.name, name="x", visibility=Visibility.PRIVATE)
            for it in handles[PER_PAGE:]
        )
        versions = PersonaVersion.objects.bulk_create(
            PersonaVersion(persona=it, number=1, role="x") for it in self.personas
        )
        for persona, version in zip(self.personas, versions, strict=True):
            persona.current_version = version
        PersonaOwner.objects.bulk_create(
            PersonaOwner(persona=it, user=root) for it in self.personas
        )
        lane, now = lanes.lane_of(None), timezone.now()
        self.requests = LLMRequest.objects.bulk_create(
            LLMRequest(
                kind="reply", requested_by=by, answerer=persona, lane=lane, turn=1,
                status=Status.ERROR if at % 2 else Status.COMPLETE, error_class="x",
                is_ready=False, finished_at=now,
            )
            for at, (by, persona) in enumerate(
                zip(self.members, self.personas, strict=True)
            )
        )  # fmt: skip
        asks = Ask.objects.bulk_create(
            Ask(post=opening, request=it) for it in self.requests
        )
        Notice.objects.bulk_create(
            Notice(user=root, ask=it, kind=NoticeKind.FAILED) for it in asks
        )
        self.attempts = LLMAttempt.objects.bulk_create(
            LLMAttempt(
                request=it, number=1, lease_token=it.public_id, receipt={},
                outcome=Outcome.ANSWERED, total_seconds=1,
            )
            for it in self.requests
        )  # fmt: skip

    def say(self, texts: Iterable[str]) -> None:
        """Let each of them have one of the texts wherever one stands."""
        first, *_ = texts = [storable(text, 2000) for text in texts]
        rename_place(self.topic, first)
        rows = zip(
            itertools.cycle(texts),
            self.members,
            self.personas,
            self.requests,
            self.attempts,
            strict=False,
        )
        for text, member, persona, request, attempt in rows:
            member.display_name = persona.name = request.asked_name = text[:60]
            persona.avatar = text[:16]
            request.error_message = attempt.outcome_detail = text
            request.last_attempt = attempt if request.status == "complete" else None
            attempt.receipt = receipt_of([text])
        User.objects.bulk_update(self.members, ["display_name"])
        fields = ["name", "avatar", "current_version"]
        Persona.objects.bulk_update(self.personas, fields)
        fields = ["asked_name", "error_message", "last_attempt"]
        LLMRequest.objects.bulk_update(self.requests, fields)
        LLMAttempt.objects.bulk_update(self.attempts, ["outcome_detail", "receipt"])


def test_lists_show_every_text_as_text(
    reader, root, opening, topic, fake_config, monkeypatch
):
    """The queue, notices, *Who answers here*, and lists and rows of the admin."""
    monkeypatch.setattr(history, "PAGE_SIZE", PER_PAGE)
    monkeypatch.setattr(notices, "PAGE_SIZE", PER_PAGE)
    crowd = Crowd(opening, root)
    shown = {
        LLMRequest: crowd.requests, LLMAttempt: crowd.attempts,
        Persona: crowd.personas, User: crowd.members,
    }  # fmt: skip
    addresses = [
        "/queue/",
        "/notices/",
        f"{topic.subforum.get_absolute_url()}who/",
        f"/t/{topic.slug}-{topic.pk}/who/",
        *(in_admin(model, "changelist") for model in (LLMRequest, Persona, User)),
        *(in_admin(model, "change", rows[0].pk) for model, rows in shown.items()),
    ]

    def pages_with(texts: Iterable[str]) -> dict[str, str]:
        crowd.say(texts)
        return {address: reader.get(address).text for address in addresses}

    plain = {address: parse(page) for address, page in pages_with(PLAIN).items()}
    for page in plain.values():
        assert HARMLESS in "".join(page.itertext())
    known = {address: set(shape(page)) for address, page in plain.items()}

    for texts in BATCHES:
        for address, page in pages_with(texts).items():
            compare(page, known[address])


def in_admin(model: Any, page: str, *args: int) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    return reverse(name, args=args)


def test_filters_show_what_was_typed_as_text(reader):
    def page_with(texts: Iterable[str]) -> str:
        typed = " ".join(texts).replace("\x00", "").replace("\n", " ")
        names = ("persona", "member", "place", "model", "status")
        return "".join(
            reader.get("/queue/", dict.fromkeys(names, typed[:length])).text
            for length in (25, 1000)
        )

    check(page_with)


def test_a_request_s_page_shows_every_text_as_text(reader, root, opening, topic):
    """Ladders, parameters, notes and the parts of the prompt: each has all the texts."""

    def page_with(texts: Iterable[str]) -> str:
        words = [storable(text, 2000) for text in texts]
        rename_place(topic, words[0])
        request = LLMRequest.objects.create(
            kind="reply", requested_by=root, lane=lanes.lane_of(None), turn=1,
            error_class="x", error_message=" ".join(words),
        )  # fmt: skip
        Ask.objects.create(post=opening, request=request)
        attempt = LLMAttempt.objects.create(
            request=request, number=1, lease_token=request.public_id,
            outcome=Outcome.ANSWERED, outcome_detail=" ".join(words),
            total_seconds=1, receipt=receipt_of(words),
        )  # fmt: skip
        PromptPart.objects.bulk_create(
            PromptPart(
                attempt=attempt, position=at, kind=it[:20], role="system", text=it,
                tokens=2,
            )
            for at, it in enumerate(words)
        )  # fmt: skip
        LLMRequest.objects.filter(pk=request.pk).update(
            last_attempt=attempt,
            status=Status.ERROR,
            is_ready=False,
            finished_at=timezone.now(),
        )
        return reader.get(request.get_absolute_url()).text

    check(page_with)


def test_the_record_shows_every_text_as_text(reader, root, monkeypatch):
    monkeypatch.setattr(accounts_views, "AUDIT_PAGE_SIZE", PER_PAGE)

    def page_with(texts: Iterable[str]) -> str:
        for text in texts:
            words = storable(text, 2000)
            record(
                actor=root,
                action=words[:60],
                subject=(words[:30], words[:60]),
                name=words,
                fields=[words, words],
                **{words: "x"},
            )
        whole = reader.get("/settings/audit/").text
        typed = " ".join(texts).replace("\x00", "").replace("\n", " ")[:30]
        query = dict.fromkeys(("actor", "kind", "key"), typed)
        return whole + reader.get("/settings/audit/", query).text

    check(page_with)


NAMES_IN_THE_ADMIN = {
    Topic: {"title": 150},
    Subforum: {"name": 60, "description": 300},
    Endpoint: {"name": 60},
    LLMConfig: {"name": 60, "description": 200, "model": 100},
    ModelProfile: {"key": 30},
    SiteSettings: {"site_name": 60, "site_rules": 2000},
}


@pytest.mark.parametrize(
    "model", NAMES_IN_THE_ADMIN, ids=lambda model: model._meta.label
)
def test_the_admin_shows_every_name_as_text(reader, opening, fake_config, model):
    ModelProfile.objects.update(config=fake_config)  # the one a site begins with
    row = SiteSettings.load() if model is SiteSettings else model.objects.get()
    pages = [in_admin(model, "changelist"), in_admin(model, "change", row.pk)]

    def page_with(texts: Iterable[str]) -> str:
        text = " ".join(texts)
        values = {
            field: storable(text, most)
            for field, most in NAMES_IN_THE_ADMIN[model].items()
        }
        model.objects.filter(pk=row.pk).update(**values)
        return "".join(reader.get(address).text for address in pages)

    check(page_with, batches=itertools.batched(SAMPLE[::10], 2, strict=False))
