"""Chromium in front of hostile posts, and of every page for those who hear or zoom it."""

import itertools
from collections.abc import Callable

import pytest
from django.db import transaction
from playwright.sync_api import Dialog, Page

from core import markup
from forum.models import Topic
from forum.services import posts
from personas.models import Persona
from tests.browser.axe import barriers
from tests.browser.conftest import sign_in, watch_requests
from tests.safety.conftest import Stage
from tests.safety.exfiltration import VARIANTS
from tests.safety.payloads import PAYLOADS
from tests.safety.routes import all_routes, is_staff_only

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SAMPLE = PAYLOADS[::2]


@pytest.fixture
def answered_with(topic) -> Callable[[list[str]], Topic]:
    """A topic whose replies by a persona are these texts, as they are delivered."""

    def answer(texts: list[str]) -> Topic:
        version = Persona.objects.get(slug="maestro").current_version
        opening = topic.posts.get()
        for text in texts:
            body = markup.clean_text(text)
            with transaction.atomic():
                posts.insert_post(
                    topic=topic,
                    parent=opening,
                    persona_version=version,
                    body=body,
                    html=markup.render(body),
                )
        return topic

    return answer


@pytest.mark.fault("B3", "A-XSS-2")
def test_hostile_replies_run_nothing_and_ask_for_nothing(
    page: Page, web, alice, answered_with
):
    # A variant to a post; of the others a few, as each holds only what it opens itself.
    few = itertools.batched(SAMPLE, 5, strict=False)
    texts = [*VARIANTS, *("\n\n".join(some) for some in few)]
    topic = answered_with(texts)
    outside = watch_requests(page.context, web)
    ran: list[str] = []

    def note(dialog: Dialog) -> None:
        ran.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    page.on("console", lambda message: ran.append(message.text))
    page.on("pageerror", lambda error: ran.append(str(error)))
    page.on("download", lambda download: ran.append(download.url))
    sign_in(page, alice, web)
    address, shown = topic.get_absolute_url(), 0

    while address:
        page.goto(address)
        shown += page.locator("article.post.persona").count()
        assert (
            page.locator(
                ".prose :is(img, script, style, iframe, form, [id], [style])"
            ).count()
            == 0
        )
        assert page.url.startswith(web)
        later = page.locator("a[rel=next]")
        address = later.count() and later.evaluate("link => link.href")
    page.wait_for_timeout(300)

    assert len(VARIANTS) >= 200
    assert len(SAMPLE) >= 500
    assert shown == len(texts)
    assert (ran, outside) == ([], [])


def pages_of(stage: Stage) -> list[tuple[str, str]]:
    """An address of every page there is, with somebody who may see it.

    Of the pages about posts one: they are forms around the same text.
    """
    found = [("guest", "/nothing/here/"), ("owner", "/nothing/here/")]
    ours = (route for route in all_routes() if not is_staff_only(route))
    for route in ours:  # the admin's pages are Django's own
        most = 1 if "post_id" in route.parameters else 3
        for address in stage.addresses_of(route)[:most]:
            for actor in ("owner", "superuser", "guest"):
                answer = stage.clients[actor].get(address)
                kind = answer.headers.get("Content-Type", "")
                # A piece of a page has no frame of its own to be looked at.
                is_page = kind.startswith("text/html") and b"<html" in answer.content
                if answer.status_code == 200 and is_page:
                    found.append((actor, address))
                    break
    return found


@pytest.mark.requirement("F-37")
def test_axe_finds_nothing_on_any_page(page: Page, web, stage: Stage):
    found = []
    visited = pages_of(stage)
    for actor, addresses in itertools.groupby(
        sorted(visited), key=lambda pair: pair[0]
    ):
        page.context.clear_cookies()
        if actor != "guest":
            sign_in(page, stage.people[actor], web)
        for _, address in addresses:
            page.goto(address)
            found += barriers(page, is_dark_clear=True)

    assert len(visited) > 25
    assert found == []
