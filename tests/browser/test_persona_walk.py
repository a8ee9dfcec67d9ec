"""The life of a persona as a new member lives it, in at most 25 actions."""

import re

import pytest
from allauth.account.models import EmailAddress
from playwright.sync_api import Page, expect

from forum.services import posts
from llmconfig.models import LLMConfig
from personas.models import Persona
from tests.browser.conftest import sign_in
from tests.browser.hand import Hand

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ANSWER = "At dusk, when the stones are still warm."
MOST_ACTIONS = 25


@pytest.fixture
def two_models(fake_config: LLMConfig, fake_llm) -> None:
    LLMConfig.objects.create(
        name="Other model",
        model="fake-2",
        endpoint=fake_config.endpoint,
        is_global=True,
    )
    fake_llm.always_answers(ANSWER)


@pytest.mark.requirement("F-01", "F-28", "F-30", "F-35", "F-45", "M-66", "M-79", "P3")
def test_a_new_member_makes_a_persona_and_goes_back_to_its_first_version(
    page: Page, subforum, alice, two_models, start_worker, web
):
    posts.create_topic(
        subforum=subforum, author=alice, title="Watering", body="When do I water?"
    )
    start_worker()
    hand = Hand(page)
    page.goto("/accounts/signup/?next=/personas/new/")
    page.get_by_label("Handle").fill("dora")
    page.get_by_label("Email").fill("dora@example.com")
    page.get_by_label("Password", exact=True).fill("a-long-enough-secret")
    page.get_by_label("Password (again)").fill("a-long-enough-secret")
    hand.press("Join")
    EmailAddress.objects.update(verified=True)

    page.get_by_label("Name").fill("Night gardener")
    hand.press("Begin")
    page.get_by_label("Role").fill("a gardener who works by night")
    hand.press("Next")
    page.get_by_label("Warm and patient").check()
    hand.follow(re.compile("Look it over"))
    hand.follow("Preview")
    expect(page.locator("#prompt")).to_contain_text("a gardener who works by night")
    hand.follow("Try it")
    page.get_by_label("Fake model").check()
    page.get_by_label("Other model").check()
    hand.press("See what it will cost")
    hand.press("Try it with 2 models")
    expect(page.locator(".run .prose", has_text=ANSWER)).to_have_count(2)
    hand.follow("Publish it")
    hand.press("Publish")

    hand.follow("Subforums")
    hand.press("Assign to Kitchen")
    hand.press(re.compile("Make default there"))
    hand.follow("Kitchen")
    hand.follow("Watering")
    topic = page.url
    hand.follow(re.compile("Ask a persona"))
    hand.press("Ask")
    reply = page.locator("article.post.persona")
    expect(reply).to_contain_text(ANSWER)
    expect(reply).to_contain_text("Night gardener")

    hand.follow("v1")
    hand.follow("Edit")
    page.get_by_label("Role").fill("a gardener who has retired")
    hand.press("Go on to publish")
    hand.press("Publish")
    hand.follow("Versions")
    hand.follow("What changed")
    expect(page.locator("ins").first).to_contain_text("retired")
    hand.follow("Go back to version 1")
    hand.press("Go back")

    assert hand.actions <= MOST_ACTIONS
    page.goto(topic)
    expect(reply.get_by_role("link", name="v1", exact=True)).to_be_visible()
    persona = Persona.objects.get(slug="night-gardener")
    now = persona.versions.select_related("reverted_from").latest("number")
    assert persona.current_version == now
    assert (now.number, now.role) == (3, "a gardener who works by night")
    assert now.reverted_from is not None
    assert now.reverted_from.number == 1


@pytest.mark.requirement("Q-40", "Q-56")
def test_a_stranger_meets_nothing_of_a_private_persona(
    page: Page, subforum, alice, bob, make_persona, web
):
    make_persona("hermit", owner=alice, visibility="private", role="canary-7d1c")
    sign_in(page, bob, web)

    for address in ("/personas/", "/personas/?q=hermit", "/s/kitchen/personas/"):
        page.goto(address)
        expect(page.locator("body")).not_to_contain_text(re.compile("hermit.*canary"))
        expect(page.locator("main")).not_to_contain_text("canary-7d1c")
    answer = page.goto("/personas/hermit/")
    assert answer is not None
    assert answer.status == 404
