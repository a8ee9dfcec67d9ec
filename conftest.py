"""The shared cast: alice owns, bob is a member, carol a stranger, staff runs the site."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.apps import apps

from accounts.models import User
from core.services import claim_handle
from forum.models import Subforum, Topic
from forum.services import posts
from llmconfig.models import Endpoint, LLMConfig
from personas.builtins import install
from tests.fake_llm import FakeLLM


@pytest.fixture
def make_member(db) -> Callable[..., User]:
    """Make a member by handle, whose password is `password-of-HANDLE`."""

    def make(handle: str, **fields) -> User:
        return User.objects.create_user(
            f"{handle}@example.com",
            f"password-of-{handle}",
            handle=claim_handle(name=handle, allow_reserved=True),
            **fields,
        )

    return make


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


@pytest.fixture(autouse=True)
def _plain_static_files(settings) -> None:
    """Pages name their files as they are; nothing has to be collected first."""
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": backend}}


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    """Members are made by the hundred; a safe hash would take most of the tests' time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright's event loop stays in this thread."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.fixture(autouse=True)
def _builtins(request: pytest.FixtureRequest) -> None:
    """Bring back what a migration made and the flush of a transactional test removed."""
    marker = request.node.get_closest_marker("django_db")
    flushes = bool(marker and marker.kwargs.get("transaction"))
    if flushes or "transactional_db" in request.fixturenames:
        request.getfixturevalue("transactional_db")
        install(apps)


@pytest.fixture(scope="session")
def _provider() -> Iterator[FakeLLM]:
    with FakeLLM() as provider:
        yield provider


@pytest.fixture
def fake_llm(_provider: FakeLLM, settings) -> FakeLLM:
    """The provider, with nothing asked of it yet."""
    _provider.reset()
    settings.LLM_PRIVATE_HOSTS = [("127.0.0.1", _provider.port)]
    return _provider


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
def subforum(db) -> Subforum:
    return Subforum.objects.create(name="Kitchen", slug="kitchen")


@pytest.fixture
def topic(subforum: Subforum, alice: User) -> Topic:
    """Alice's topic with her opening post."""
    return posts.create_topic(
        subforum=subforum, author=alice, title="Soup", body="How long does it simmer?"
    )
