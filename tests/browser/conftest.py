"""Pages in Debian's Chromium, against the web server as `manage.py up` runs it."""

import os
import re

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from accounts.models import User
from forum.models import Post
from forum.services import posts
from tests.services import find_chromium

# Playwright keeps an event loop in the test's thread; Django would refuse its database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)

FRONT_PAGE = re.compile(r"//[^/]+/$")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    quiet = "--disable-gpu --disable-background-networking --disable-component-update"
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {
        **browser_type_launch_args,
        "executable_path": find_chromium(),
        "args": [*quiet.split(), "--no-first-run", "--disable-sync", *sandbox],
    }


@pytest.fixture
def browser_context_args(browser_context_args, web):
    return {**browser_context_args, "base_url": web}


@pytest.fixture
def plain_page(browser: Browser, web: str):
    """A page of a browser without JavaScript."""
    context = browser.new_context(base_url=web, java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture(autouse=True)
def _unbroken(unbroken) -> None:
    """Whatever was done in the browser, the invariants hold."""


@pytest.fixture(autouse=True)
def _patience(context: BrowserContext) -> None:
    context.set_default_timeout(PATIENCE_MS)


@pytest.fixture
def question(alice: User, subforum, fake_config) -> Post:
    topic = posts.create_topic(
        subforum=subforum, author=alice, title="Soup", body="How long does it simmer?"
    )
    return topic.posts.get()


def sign_in(page: Page, member: User, web: str) -> None:
    """Give the page's browser a session of `member`."""
    client = Client()
    client.force_login(member)
    value = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": web}]
    )


def measured_width(page: Page) -> tuple[int, int]:
    """The width of the document and of the window, in CSS pixels."""
    width: list[int] = page.evaluate(
        "() => [document.documentElement.scrollWidth, window.innerWidth]"
    )
    return width[0], width[1]


def watch_requests(context: BrowserContext, web: str) -> list[str]:
    """The addresses outside of our origin that pages of `context` ask for."""
    outside: list[str] = []

    def note(request) -> None:
        if not request.url.startswith((web, "data:")):
            outside.append(request.url)

    context.on("request", note)
    return outside
