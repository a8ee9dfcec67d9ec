"""Secrets stay where they belong: canaries in all of them, and every place searched."""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.core import mail
from django.core.signals import got_request_exception
from django.db import IntegrityError, transaction
from django.test import Client
from django.views.debug import ExceptionReporter

from core.encryption import encrypt
from core.models import Handle
from forum import paging
from forum.services import asks, posts
from llmconfig.models import ApiKey, Endpoint
from llmconfig.services import endpoints, own_keys
from llmqueue.invariants import check_queue
from llmqueue.models import LLMRequest
from tests.conftest import wait_until
from tests.own_keys import bring_key
from tests.safety.conftest import Stage
from tests.safety.database import all_text
from tests.safety.routes import all_routes
from tests.safety.test_bounds import run_all

KEY = "sk-canary-of-the-endpoint-4711-abcdefgh"
OTHER_KEY = "sk-canary-of-another-endpoint-0815-xyz"
TYPED_KEY = "sk-canary-typed-into-a-form-2342-uvw"
OWN_KEY = "sk-canary-a-members-own-key-6174-qrst"
TYPED_OWN_KEY = "sk-canary-own-key-typed-1729-mnop"
WORDS = "canary-words-of-a-prompt"


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """The lines of all loggers, each at DEBUG, but for those that settings silence."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name} {self.format(record)} {record.args}")

    silenced = set(cast(Any, settings.LOGGING)["loggers"])
    names = [name for name in logging.root.manager.loggerDict if name not in silenced]
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level) for logger in [*loggers, logging.root]]
    handler = Keep(logging.DEBUG)
    logging.root.addHandler(handler)
    for logger, _ in before:
        if not any(logger.name.startswith(f"{name}.") for name in silenced):
            logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logging.root.removeHandler(handler)
        for logger, level in before:
            logger.setLevel(level)


@contextmanager
def everything_said_to_valkey() -> Iterator[list[str]]:
    """The commands that Valkey gets meanwhile."""
    heard: list[str] = []
    # Silence is no end: by default the client would give up after five seconds of it.
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=None)
    with client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                heard.append(str(command["command"]))
                if "end of the test" in heard[-1]:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield heard
        finally:
            redis.Redis.from_url(settings.REDIS_URL).echo("end of the test")
            thread.join(60)


def canaries(stage: Stage) -> dict[str, str]:
    sessions = {
        f"session of {actor}": client.cookies[settings.SESSION_COOKIE_NAME].value
        for actor, client in stage.clients.items()
        if settings.SESSION_COOKIE_NAME in client.cookies
    }
    return sessions | {
        "endpoint's key": KEY,
        "other endpoint's key": OTHER_KEY,
        "key typed into a form": TYPED_KEY,
        "member's own key": OWN_KEY,
        "own key typed into a form": TYPED_OWN_KEY,
        "SECRET_KEY": settings.SECRET_KEY,
        "encryption key": settings.LLM_ENCRYPTION_KEYS[0],
        "PostgreSQL's password": settings.DATABASES["default"]["PASSWORD"] or KEY,
        "Valkey's password": urlsplit(settings.REDIS_URL).password or KEY,
        "password": "password-of-alice",
    }


def hits(places: dict[str, str], secrets: dict[str, str]) -> list[str]:
    """Where which secret was found, whole or its telling middle."""
    return [
        f"{name} in {place}"
        for place, text in places.items()
        for name, secret in secrets.items()
        if secret in text or secret[8:-4] in text
    ]


# What a server may do with the key it was called with.
def echoes(key: str) -> list[dict[str, Any]]:
    return [
        {"mode": "echo_key"},
        {"status": 401, "error": {"message": f"Incorrect API key provided: {key}."}},
        {"status": 400, "error": {"message": f"Bearer {key}", "code": key}},
        {"status": 404, "error": {"message": f"no model for {key}"}},
        {"status": 503, "error": {"message": f"{key} is overloaded"}},
        {"status": 429, "error": {"message": key}, "retry_after": key},
        {"mode": "redirect", "location": f"http://127.0.0.1:9/?key={key}"},
        {"mode": "error", "error": {"message": key}},
        {"mode": "error_event", "error": {"message": f"bad {key}", "type": key}},
        {"text": f"Your key is {key}. Keep it."},
        {"text": f"Your key is {key}.", "chunks": 40},
        {"text": "Fine.", "reasoning": key},
        {"refusal": f"Not with {key}."},
        {"text": "Fine.", "finish_reason": key},
        {"mode": "malformed", "text": key},
        {"mode": "html", "text": key},
    ]


def set_keys(stage: Stage) -> Endpoint:
    endpoint = Endpoint.objects.get(pk=stage.objects["endpoint"]["endpoint_id"])
    host = urlsplit(endpoint.api_base).netloc
    endpoint.site_key = encrypt(KEY, owner="site", host=host)
    endpoint.save()
    Endpoint.objects.create(
        name="Other",
        provider="compatible",
        api_base="https://other.example/v1",
        site_key=encrypt(OTHER_KEY, owner="site", host="other.example:443"),
    )
    return endpoint


def pages_of(stage: Stage) -> Iterator[tuple[str, str]]:
    for route in all_routes():
        for address in stage.addresses_of(route):
            for actor in ("guest", "owner", "superuser"):
                answer = stage.clients[actor].get(address)
                if not answer.streaming:
                    yield (
                        f"{address} for {actor}",
                        answer.content.decode(errors="replace"),
                    )


@pytest.mark.requirement("R-68", "M-20", "O-37", "C-14")
@pytest.mark.fault("A-SEC-1", "A-SEC-2", "A-SEC-6", "B5")
@pytest.mark.parametrize("used", [KEY, OWN_KEY], ids=["site", "own"])
def test_no_secret_is_found_anywhere_after_servers_repeated_the_key(
    stage: Stage, fake_llm, used
):
    endpoint = set_keys(stage)
    ApiKey.objects.all().delete()
    bring_key(stage.people["other"], endpoint, OWN_KEY)
    if used == OWN_KEY:
        bring_key(stage.people["owner"], endpoint, OWN_KEY)
    root = stage.clients["superuser"]
    topic = stage.topic
    run_all()
    secrets = canaries(stage)
    said: list[str] = []
    with everything_logged() as lines, everything_said_to_valkey() as heard:
        for how in echoes(used):
            fake_llm.always_answers(**how)
            ask = asks.ask(post=topic.posts.get(number=1), member=stage.people["owner"])
            run_all()
            said.append(root.get(ask.get_absolute_url()).text)
            root.post(stage.address("llmconfig:endpoint_try", "endpoint"), follow=True)
            form = {
                "provider": "compatible", "address": endpoint.api_base,
                "key": TYPED_KEY, "model": "fake-1",
            }  # fmt: skip
            said.append(root.post("/settings/endpoints/new/", form, follow=True).text)
            member = stage.clients["owner"]
            member.post(stage.address("llmconfig:key_test", "endpoint"))
            said.append(member.get("/settings/keys/").text)
            own_form = {"key": TYPED_OWN_KEY, "nickname": "mine"}
            root_page = stage.address("llmconfig:key_edit", "endpoint")
            said.append(root.post(root_page, own_form, follow=True).text)
        Client().post(
            "/accounts/login/",
            {"login": "alice@example.com", "password": "password-of-alice"},
        )
        root.post("/accounts/password/reset/", {"email": "alice@example.com"})

    # The files that personas are exported as are among the pages.
    places = dict(pages_of(stage)) | {
        "pages": "\n".join(said),
        "log": "\n".join(lines),
        "valkey": "\n".join(heard),
        "database": all_text(),
        "mails": "\n".join(str(sent.message()) for sent in mail.outbox),
        "prompts": "\n".join(json.dumps(seen.body) for seen in fake_llm.calls()),
    }
    assert len(lines) > 50
    assert len(heard) > 10
    assert used in {seen.key for seen in fake_llm.calls()}
    assert {KEY, TYPED_OWN_KEY} <= {seen.key for seen in fake_llm.requests}
    assert [str(violation) for violation in check_queue()] == []
    assert hits(places, secrets) == []
    addresses = {member.email for member in stage.people.values()}
    assert [address for address in addresses if address in places["prompts"]] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("O-37", "C-14", "R-72")
@pytest.mark.fault("A-SEC-1", "A-SEC-2")
def test_messages_to_workers_hold_no_prompt_and_no_key(
    alice, bob, subforum, fake_config, fake_llm, start_worker, tmp_path
):
    endpoint = fake_config.endpoint
    bring_key(bob, endpoint, OWN_KEY)
    host = urlsplit(endpoint.api_base).netloc
    Endpoint.objects.update(site_key=encrypt(KEY, owner="site", host=host))
    start_worker()
    fake_llm.gate.clear()
    fake_llm.answers("An answer.", chunks=5, held_after=3)
    fake_llm.answers(mode="echo_key")
    with everything_said_to_valkey() as heard:
        topic = posts.create_topic(
            subforum=subforum,
            author=alice,
            title=f"{WORDS} title",
            body=f"{WORDS} body",
        )
        for member in (alice, bob):
            asks.ask(post=topic.posts.get(number=1), member=member)
        wait_until(lambda: "live:text:" in str(heard))
        fake_llm.gate.set()
        wait_until(lambda: not LLMRequest.objects.unfinished().exists())

    prompts = json.dumps([seen.body for seen in fake_llm.calls()])
    text = "\n".join(heard)
    log = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert WORDS in prompts
    assert "llmqueue.work" in text
    assert "live:text:" in text  # so all of it was heard
    assert {seen.key for seen in fake_llm.calls()} == {KEY, OWN_KEY}
    for secret in (WORDS, KEY, KEY[8:-4], OWN_KEY, OWN_KEY[8:-4], settings.SECRET_KEY):
        assert secret not in text
        assert secret not in log


class Broken(Exception):
    """Not one of ours."""


@pytest.mark.fault("A-SEC-5")
def test_an_error_page_says_nothing_of_the_inside(stage: Stage, monkeypatch, settings):
    settings.DEBUG = False

    def broken(*args, **kwargs):
        secret = KEY
        raise Broken(f"{secret} {settings.SECRET_KEY}")

    monkeypatch.setattr(paging, "topics_page", broken)
    for client in stage.clients.values():
        answer = client.get(stage.address("forum:subforum_detail", "kitchen"))

        assert answer.status_code == 500
        for word in (
            "Traceback",
            "Broken",
            "topics_page",
            ".py",
            KEY,
            settings.SECRET_KEY,
        ):
            assert word not in answer.text
        for name in ("SECRET_KEY", "DATABASES", "INSTALLED_APPS", "site-packages"):
            assert name not in answer.text


@pytest.mark.fault("A-SEC-5")
def test_no_page_of_django_s_own_is_shown_for_wrong_requests(stage: Stage, settings):
    settings.DEBUG = False
    guest = stage.clients["guest"]
    answers = [
        guest.get("/nothing/"),
        guest.get("/", headers={"host": "evil.example"}),
        Client(enforce_csrf_checks=True).post("/accounts/login/"),
        guest.put("/posts/preview/"),
    ]

    assert [answer.status_code for answer in answers] == [404, 400, 403, 405]
    for answer in answers:
        for word in (
            "DEBUG",
            "URLconf",
            "urlpatterns",
            "CSRF",
            "ALLOWED_HOSTS",
            "Django",
        ):
            assert word not in answer.text


@pytest.mark.fault("A-SEC-1", "A-SEC-5")
@pytest.mark.parametrize("form_of", ["endpoint", "own key"])
def test_a_report_of_an_error_masks_what_is_secret(
    stage: Stage, monkeypatch, settings, form_of
):
    settings.DEBUG = False
    reports: list[str] = []

    def keep(sender, request, **kwargs) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_html() + reporter.get_traceback_text())

    def broken(**kwargs):
        raise Broken

    got_request_exception.connect(keep)
    monkeypatch.setattr(endpoints, "connect_endpoint", broken)
    monkeypatch.setattr(own_keys, "save_key", broken)
    address = {
        "endpoint": "/settings/endpoints/new/",
        "own key": stage.address("llmconfig:key_edit", "endpoint"),
    }[form_of]
    form = {
        "provider": "compatible", "address": "https://llm.example/v1", "key": TYPED_KEY,
        "model": "large",
    }  # fmt: skip
    stage.clients["superuser"].post(address, form)
    got_request_exception.disconnect(keep)

    (report,) = reports
    assert "Broken" in report
    for secret in (
        settings.SECRET_KEY,
        settings.LLM_ENCRYPTION_KEYS[0],
        urlsplit(settings.REDIS_URL).password or KEY,
        stage.clients["superuser"].cookies[settings.SESSION_COOKIE_NAME].value,
        TYPED_KEY,
    ):
        assert secret not in report


@pytest.mark.django_db
@pytest.mark.fault("A-SEC-2")
def test_the_database_logs_an_error_without_what_somebody_wrote(servers, alice):
    if os.environ.get("TEST_DATABASE_URL"):
        pytest.skip("the log of that server is not ours to read")
    before = servers.log_of("postgres")

    with pytest.raises(IntegrityError), transaction.atomic():
        Handle.objects.create(name="canary-77aa", skeleton=alice.handle.skeleton)

    said = servers.log_of("postgres").removeprefix(before)
    assert "ERROR" in said
    assert "canary-77aa" not in said
    assert alice.handle.skeleton not in said
