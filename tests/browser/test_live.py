"""What changes in a topic while somebody reads it."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from forum.models import Post
from forum.services import asks, posts
from tests.browser.conftest import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

ANSWER = "Two hours on a low flame. Stir it now and then."


def order(page: Page) -> list[str]:
    return page.locator("article.post").evaluate_all("all => all.map(it => it.id)")


@pytest.mark.requirement("F-56")
def test_an_ask_says_that_it_is_written_while_words_stream(
    page: Page, question: Post, alice: User, start_worker, fake_llm
):
    fake_llm.gate.clear()
    fake_llm.answers(ANSWER, chunks=12, held_after=4)
    asks.ask(post=question, member=alice)
    page.goto(question.topic.get_absolute_url())
    expect(page.locator(".ask .status")).to_contain_text("is waiting")

    start_worker()

    expect(page.locator(".ask .words")).to_contain_text("Two")
    expect(page.locator(".ask .status")).to_contain_text("is writing")
    fake_llm.gate.set()
    expect(page.locator("article.post.persona")).to_be_visible()


def test_a_reply_arrives_where_a_reload_shows_it(
    page: Page, question: Post, alice: User, bob: User, start_worker, fake_llm
):
    first = posts.reply(parent=question, author=bob, body="One hour.")
    posts.reply(parent=first, author=bob, body="Or less.")
    fake_llm.always_answers(ANSWER)
    asks.ask(post=question, member=alice)
    page.goto(question.topic.get_absolute_url())
    # Written after the page was shown, so the page does not know of it.
    posts.reply(parent=first, author=bob, body="Or more.")

    start_worker()

    expect(page.locator("#post-5")).to_contain_text(ANSWER)
    expect(page.locator(".ask")).to_have_count(0)
    expect(page.locator("#posts-count")).to_have_text("5 posts")
    expect(page.locator("#post-5 header")).to_contain_text("in reply to #1")
    assert order(page) == ["post-1", "post-2", "post-3", "post-5"]
    page.reload()
    assert order(page) == ["post-1", "post-2", "post-3", "post-4", "post-5"]


def test_the_text_that_is_read_does_not_jump_when_a_reply_arrives_above(
    page: Page, question: Post, alice: User, bob: User, start_worker, fake_llm
):
    fake_llm.always_answers(ANSWER * 20)
    first = posts.reply(parent=question, author=bob, body="First. " * 200)
    posts.reply(parent=question, author=bob, body="Second. " * 600)
    asks.ask(post=first, member=alice)
    page.goto(question.topic.get_absolute_url())
    last = page.locator("#post-3 .prose")
    last.evaluate("it => window.scrollTo({top: it.offsetTop, behavior: 'instant'})")
    before = last.evaluate("it => it.getBoundingClientRect().top")

    start_worker()
    expect(page.locator("#post-4")).to_be_attached()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")

    after = last.evaluate("it => it.getBoundingClientRect().top")
    assert order(page) == ["post-1", "post-2", "post-4", "post-3"]
    assert abs(after - before) <= 1


def test_a_reply_that_belongs_to_another_page_is_linked(
    page: Page, question: Post, alice: User, start_worker, fake_llm
):
    for number in range(25):
        posts.reply(parent=question, author=alice, body=f"Post {number}")
    fake_llm.always_answers(ANSWER)
    asks.ask(post=question, member=alice)
    page.goto(question.topic.get_absolute_url())

    start_worker()
    page.get_by_role("link", name="Read it").click()

    expect(page.locator("#post-27")).to_contain_text(ANSWER)


def test_an_ask_that_comes_to_nothing_leaves_the_pages_of_strangers(
    page: Page, question: Post, alice: User, carol: User, web, start_worker, fake_llm
):
    fake_llm.always_answers(status=401)
    asks.ask(post=question, member=alice)
    sign_in(page, carol, web)
    page.goto(question.topic.get_absolute_url())
    expect(page.locator(".ask")).to_have_count(1)

    start_worker()

    expect(page.locator(".ask")).to_have_count(0)


def test_a_post_that_is_deleted_while_it_is_asked_about_goes_from_open_pages(
    page: Page, question: Post, alice: User, bob: User, web: str
):
    reply = posts.reply(parent=question, author=alice, body="One hour.")
    asks.ask(post=reply, member=bob)
    sign_in(page, bob, web)
    page.goto(question.topic.get_absolute_url())
    expect(page.locator("#post-2")).to_contain_text("One hour.")

    posts.delete_post(post=reply, actor=alice)

    expect(page.locator("#post-2.gone")).to_contain_text("deleted")
    expect(page.locator(".ask .status")).to_contain_text("will not answer")
    expect(page.get_by_role("button", name="Ask again")).to_have_count(0)
    expect(page.locator("article.post")).to_have_count(2)
