"""The shared cast: alice owns, bob is a member, carol a stranger, staff runs the site."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import groupby
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings
from django.core.management.commands import flush
from django.db import transaction
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.models import Model
from django.test import Client, override_settings

from accounts.models import User
from core.models import Handle
from core.services import claim_handle
from forum.models import Post, Subforum, Topic
from forum.services import posts
from llmconfig.models import Endpoint, LLMConfig
from personas.builtins import install
from personas.models import Persona, PersonaVersion, Visibility
from personas.services import drafts, versions
from tests.fake_llm import FakeLLM


@pytest.fixture(scope="session", autouse=True)
def _settings_of_tests() -> Iterator[None]:
    """Pages name static files as they are, so that nothing has to be collected first.

    Members are made by the hundred; a safe hash would take most of the tests' time. And a
    busy machine, on which Valkey answers late, is no reason to count nothing.
    """
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        STORAGES=settings.STORAGES | {"staticfiles": plain},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        RATE_PATIENCE=timedelta(seconds=20),
    ):
        yield


# What Django makes of the models; no test changes it, and every flush made it anew.
OF_MODELS = {"django_content_type", "auth_permission"}


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> Iterator[None]:
    """A test leaves few rows: to delete them takes a tenth of the time of TRUNCATE."""

    def sql_flush(
        self: DatabaseOperations, style: object, tables: Iterable[str], **how: object
    ) -> list[str]:
        names = [self.quote_name(it) for it in tables if it not in OF_MODELS]
        return [
            f"LOCK TABLE {', '.join(names)}",  # as TRUNCATE does
            "SET LOCAL session_replication_role = replica",  # no triggers
            *(f"DELETE FROM {name}" for name in names),
        ]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def module_db(django_db_setup, django_db_blocker) -> Iterator[None]:
    """A transaction around all tests of a module, for rows that all of them look at.

    What a test itself writes goes with the test, as always. Not beside tests that are
    marked `transaction=True`.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="session")
def new_member() -> Callable[..., User]:
    """Make a member by handle, whose password is `password-of-HANDLE`.

    Their address is confirmed unless `is_confirmed` says otherwise.
    """

    def make(handle: str, *, is_confirmed: bool = True, **fields) -> User:
        member = User.objects.create_user(
            f"{handle}@example.com",
            f"password-of-{handle}",
            handle=claim_handle(name=handle, allow_reserved=True),
            **fields,
        )
        EmailAddress.objects.create(
            user=member, email=member.email, primary=True, verified=is_confirmed
        )
        return member

    return make


@pytest.fixture
def make_member(db, new_member) -> Callable[..., User]:
    return new_member


@pytest.fixture
def alice(make_member) -> User:
    return make_member("alice")


@pytest.fixture
def bob(make_member) -> User:
    return make_member("bob")


@pytest.fixture
def carol(make_member) -> User:
    return make_member("carol")


@pytest.fixture
def staff(make_member) -> User:
    return make_member("warden", is_staff=True)


@pytest.fixture
def confirm(db) -> Callable[[User], None]:
    """Let a member have confirmed their address."""

    def confirm(member: User) -> None:
        EmailAddress.objects.update_or_create(
            user=member,
            email=member.email,
            defaults={"verified": True, "primary": True},
        )

    return confirm


@pytest.fixture(autouse=True)
def _own_media(settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What a test uploads is its own."""
    settings.MEDIA_ROOT = tmp_path_factory.getbasetemp() / "media"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests late: Playwright's event loop stays in this thread.

    The tests of faults come last, as their runs go on beside all others.
    """
    items.sort(
        key=lambda item: (
            "runs" in getattr(item, "fixturenames", ()),
            item.get_closest_marker("browser") is not None,
        )
    )


@pytest.fixture(scope="session")
def _installed() -> list[Model]:
    """The rows of the built-in personas; empty before they were made a first time."""
    return []


@pytest.fixture(autouse=True)
def _builtins(request: pytest.FixtureRequest, _installed: list[Model]) -> None:
    """Bring back what a migration made and the flush of a transactional test removed."""
    marker = request.node.get_closest_marker("django_db")
    flushes = bool(marker and marker.kwargs.get("transaction"))
    if flushes or "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")
        if Persona.objects.exists():
            return
        if not _installed:
            install(apps)
            for kind in (Handle, Persona, PersonaVersion):
                _installed.extend(kind.objects.all())
            return
        with transaction.atomic():
            for kind, rows in groupby(_installed, key=type):
                kind.objects.bulk_create(rows)


@pytest.fixture(scope="session")
def fake_server() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


@pytest.fixture
def fake_llm(fake_server: FakeLLM, settings) -> FakeLLM:
    """The provider, with nothing asked of it yet."""
    fake_server.reset()
    settings.LLM_PRIVATE_HOSTS = [("127.0.0.1", fake_server.port)]
    return fake_server


@pytest.fixture
def fake_endpoint(db, fake_llm: FakeLLM) -> Endpoint:
    return Endpoint.objects.create(
        name="Fake",
        provider="compatible",
        api_base=fake_llm.address,
        call_deadline=timedelta(seconds=30),
    )


@pytest.fixture
def fake_config(fake_endpoint: Endpoint) -> LLMConfig:
    """The site's default model, answered by the fake provider."""
    return LLMConfig.objects.create(
        name="Fake model",
        model="fake-1",
        endpoint=fake_endpoint,
        is_global=True,
        is_default=True,
    )


@pytest.fixture
def as_(db) -> Callable[[User], Client]:
    """A browser in which this member is signed in."""

    def sign_in(member: User) -> Client:
        client = Client()
        client.force_login(member)
        return client

    return sign_in


@pytest.fixture
def maestro(db) -> Persona:
    """One of the personas that come with the site."""
    return Persona.objects.get(slug="maestro")


@pytest.fixture
def make_persona(db) -> Callable[..., Persona]:
    """Make a published persona of a member's, by handle; public unless said otherwise."""

    def make(
        handle: str, *, owner: User, visibility: str = Visibility.PUBLIC, **fields: Any
    ) -> Persona:
        name = fields.pop("name", handle.capitalize())
        draft = drafts.create_persona(creator=owner, name=name, handle=handle)
        drafts.save_draft(draft=draft, **{"role": "a friend of soup", **fields})
        persona = versions.publish(draft=draft).persona
        Persona.objects.filter(pk=persona.pk).update(visibility=visibility)
        persona.refresh_from_db()
        return persona

    return make


@pytest.fixture
def subforum(db) -> Subforum:
    return Subforum.objects.create(name="Kitchen", slug="kitchen")


@pytest.fixture
def topic(subforum: Subforum, alice: User) -> Topic:
    """Alice's topic with her opening post."""
    return posts.create_topic(
        subforum=subforum, author=alice, title="Soup", body="How long does it simmer?"
    )


@pytest.fixture
def opening(topic: Topic) -> Post:
    return topic.posts.get(number=1)
