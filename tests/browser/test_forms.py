"""Forms that open in a topic, and what becomes of the text typed in them."""

import re

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from playwright.sync_api import Page, Route, expect

from accounts.models import User
from forum.models import Ask, Post
from forum.services import posts
from tests.browser.conftest import FRONT_PAGE, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def topic_page(page: Page, question: Post, bob: User, web: str) -> Page:
    """The topic of `question`, opened by bob."""
    sign_in(page, bob, web)
    page.goto(question.topic.get_absolute_url())
    return page


def open_form(page: Page, link: str = "Reply") -> None:
    page.locator("#post-1 > footer").get_by_role("link", name=link).click()
    expect(page.locator("#post-1 .slot form").first).to_be_visible()


def field(page: Page):
    return page.get_by_label("Your reply to alice")


def test_a_form_opens_once_and_keeps_the_focus(topic_page: Page):
    page = topic_page
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    open_form(page)
    expect(field(page)).to_be_focused()
    field(page).fill("Two hours")

    open_form(page, "Ask a persona")
    expect(page.get_by_label("Who should answer")).to_be_focused()
    open_form(page)

    expect(field(page)).to_be_focused()
    expect(field(page)).to_have_value("Two hours")
    expect(page.locator("#post-1 .slot form")).to_have_count(2)
    assert len([url for url in fetched if url.endswith("/reply/")]) == 1


@pytest.mark.parametrize("way", ["Close", "Escape"])
def test_a_closed_form_gives_the_focus_back_and_keeps_the_draft(topic_page: Page, way):
    page = topic_page
    open_form(page)
    field(page).fill("Two hours")

    if way == "Close":
        page.get_by_role("button", name="Close").click()
    else:
        page.keyboard.press("Escape")

    expect(page.locator("#post-1 .slot form")).to_have_count(0)
    expect(page.get_by_role("link", name="Reply", exact=True)).to_be_focused()
    open_form(page)
    expect(field(page)).to_have_value("Two hours")


def test_a_reply_takes_the_focus_and_empties_its_form(topic_page: Page):
    page = topic_page
    open_form(page)
    field(page).fill("Two hours.")
    page.locator("#post-1").get_by_role("button", name="Post", exact=True).click()

    expect(page.locator("#post-2")).to_be_focused()
    expect(page.locator("#post-1 .slot form")).to_have_count(0)
    expect(page.locator("#posts-count")).to_have_text("2 posts")
    open_form(page)
    expect(field(page)).to_have_value("")


def test_an_ask_takes_the_focus(topic_page: Page):
    page = topic_page
    open_form(page, "Ask a persona")
    page.get_by_role("button", name="Ask", exact=True).click()

    expect(page.locator(".ask")).to_be_focused()
    expect(page.locator("#post-1 .slot form")).to_have_count(0)


def test_a_reply_stands_where_a_reload_shows_it(
    topic_page: Page, question: Post, alice: User
):
    first = posts.reply(parent=question, author=alice, body="One.")
    posts.reply(parent=first, author=alice, body="Under one.")
    page = topic_page
    page.reload()
    open_form(page)
    field(page).fill("Two.")
    page.locator("#post-1").get_by_role("button", name="Post", exact=True).click()
    expect(page.locator("#post-4")).to_be_visible()

    def order() -> list[str]:
        return page.locator("article.post").evaluate_all("all => all.map(it => it.id)")

    live = order()
    page.reload()
    assert live == order() == ["post-1", "post-2", "post-3", "post-4"]


def test_a_reply_whose_place_is_on_another_page_is_gone_to(
    page: Page, question: Post, alice: User, bob: User, web: str
):
    for number in range(25):
        posts.reply(parent=question, author=alice, body=f"Post {number}")
    sign_in(page, bob, web)
    page.goto(question.topic.get_absolute_url())

    page.locator("#end-form textarea").fill("The last word.")
    page.locator("#end-form").get_by_role("button", name="Post", exact=True).click()

    page.wait_for_url(re.compile("at=27#post-27"))
    expect(page.locator("#post-27")).to_contain_text("The last word.")
    expect(page.locator("#post-27")).to_be_in_viewport()
    expect(page.locator("#end-form textarea")).to_have_value("")


@pytest.mark.fault("F50")
def test_a_double_press_sends_a_topic_once(topic_page: Page):
    page = topic_page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto("/s/kitchen/new/")
    page.get_by_label("Title").fill("Bread")
    page.locator("textarea").fill("Flour?")

    page.get_by_role("button", name="Open the topic").dblclick()
    page.wait_for_url(re.compile("/t/bread-"))

    assert sent.count("POST") == 1


@pytest.mark.fault("F50")
def test_a_double_press_posts_once(topic_page: Page):
    page = topic_page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    form = page.locator("#end-form")
    form.locator("textarea").fill("Two hours.")
    form.get_by_role("button", name="Post", exact=True).dblclick()

    expect(page.locator("#post-2")).to_be_visible()
    expect(form.locator("textarea")).to_have_value("")
    expect(page.locator("article.post")).to_have_count(2)
    assert sent.count("POST") == 1


def test_an_ended_session_is_said_and_the_text_is_sent_after_a_sign_in(
    topic_page: Page, bob: User
):
    page = topic_page
    open_form(page)
    field(page).fill("Two hours.")
    # Ends the session. The server knows none of the quick hashes of the tests.
    bob.password = PBKDF2PasswordHasher().encode("password-of-bob", "salt")
    bob.save()
    send = page.locator("#post-1").get_by_role("button", name="Post", exact=True)
    send.click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Not sent: you are signed out.")
    expect(field(page)).to_have_value("Two hours.")

    other = page.context.new_page()
    other.goto("/accounts/login/")
    other.get_by_label("Email").fill("bob@example.com")
    other.get_by_label("Password").fill("password-of-bob")
    other.locator("main form button").first.click()
    other.wait_for_url(FRONT_PAGE)
    send.click()

    expect(page.locator("#post-2")).to_contain_text("Two hours.")
    expect(alert).to_have_count(0)


def fail(route: Route) -> None:
    route.fulfill(status=500, content_type="text/html", body="<h1>Oh</h1>")


@pytest.mark.parametrize(
    ("happens", "said"),
    [(fail, "the site has a fault"), (Route.abort, "the site cannot be reached")],
    ids=["error", "network"],
)
def test_a_failure_is_said_at_the_form_which_keeps_its_text(
    topic_page: Page, happens, said
):
    page = topic_page
    open_form(page)
    field(page).fill("Two hours.")
    page.route("**/reply/", lambda route: happens(route))
    send = page.locator("#post-1").get_by_role("button", name="Post", exact=True)
    send.click()

    expect(page.get_by_role("alert")).to_contain_text(f"Not sent: {said}")
    expect(page.get_by_role("alert")).to_contain_text("Your text is still here.")
    expect(field(page)).to_have_value("Two hours.")
    page.unroute("**/reply/")
    send.click()
    expect(page.locator("#post-2")).to_contain_text("Two hours.")


def test_a_form_that_cannot_be_opened_says_so(topic_page: Page):
    page = topic_page
    page.route("**/reply/", lambda route: route.abort())
    link = page.locator("#post-1 > footer").get_by_role("link", name="Reply")
    link.click()
    expect(page.get_by_role("alert")).to_contain_text("Not opened")

    page.unroute("**/reply/")
    link.click()

    expect(field(page)).to_be_focused()


def test_a_draft_survives_a_reload_and_is_for_its_form_and_member_only(
    topic_page: Page, question: Post, alice: User, web: str
):
    page = topic_page
    page.locator("#end-form textarea").fill("A long thought")
    page.goto("/s/kitchen/new/")
    page.get_by_label("Title").fill("Bread")
    page.reload()
    expect(page.get_by_label("Title")).to_have_value("Bread")
    expect(page.locator("textarea")).to_have_value("")
    page.goto(question.topic.get_absolute_url())
    expect(page.locator("#end-form textarea")).to_have_value("A long thought")

    sign_in(page, alice, web)
    page.reload()
    expect(page.locator("#end-form textarea")).to_have_value("")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Join")).to_be_visible()
    assert "draft:" not in page.evaluate("() => JSON.stringify(sessionStorage)")


def test_a_sent_topic_leaves_no_draft(topic_page: Page):
    page = topic_page
    page.goto("/s/kitchen/new/")
    page.get_by_label("Title").fill("Bread")
    page.locator("textarea").fill("Flour?")
    page.get_by_role("button", name="Open the topic").click()
    page.wait_for_url(re.compile("/t/bread-"))

    page.goto("/s/kitchen/new/")

    expect(page.get_by_label("Title")).to_have_value("")


@pytest.mark.requirement("C-17")
@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_forms_on_pages_of_their_own_work(
    page: Page, plain_page: Page, question: Post, bob: User, web: str, script
):
    page = page if script else plain_page
    sign_in(page, bob, web)

    page.goto(f"/posts/{question.pk}/reply/")
    field(page).fill(" ")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.locator(".errorlist")).to_be_visible()
    expect(page.get_by_role("button", name="Close")).to_have_count(0)
    field(page).fill("Two hours.")
    page.get_by_role("button", name="Post", exact=True).click()
    page.wait_for_url(re.compile("#post-2$"))
    expect(page.locator("#post-2")).to_contain_text("Two hours.")

    page.goto(f"/posts/{question.pk}/ask/")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_url(re.compile("#post-1$"))
    expect(page.locator(".ask")).to_have_count(1)
    assert Ask.objects.count() == 1


def test_a_post_under_change_keeps_its_edit(topic_page: Page, question: Post):
    page = topic_page
    open_form(page)
    field(page).fill("Two hours.")
    page.locator("#post-1").get_by_role("button", name="Post", exact=True).click()
    page.locator("#post-2").get_by_role("link", name="Edit").click()
    page.locator("textarea").fill("Three hours.")
    page.reload()
    expect(page.locator("textarea")).to_have_value("Three hours.")
    page.get_by_role("button", name="Save").click()

    expect(page.locator("#post-2")).to_contain_text("Three hours.")


def set_password(member: User) -> None:
    """One the server can check, which knows none of the quick hashes of the tests."""
    password = f"password-of-{member}"
    member.password = PBKDF2PasswordHasher().encode(password, "salt")
    member.save()


def sign_in_elsewhere(page: Page, member: User) -> Page:
    """Sign out and `member` in, by the pages, in another tab; that tab."""
    other = page.context.new_page()
    other.goto("/accounts/logout/")
    other.locator("main form button").click()
    expect(other.get_by_role("link", name="Join")).to_be_visible()
    other.goto("/accounts/login/")
    other.get_by_label("Email").fill(member.email)
    other.get_by_label("Password").fill(f"password-of-{member}")
    other.locator("main form button").first.click()
    other.wait_for_url(FRONT_PAGE)
    return other


@pytest.mark.parametrize("button", ["Post", "Preview"])
def test_what_was_written_is_sent_by_the_same_member_after_a_new_sign_in(
    topic_page: Page, bob: User, web: str, button
):
    page = topic_page
    set_password(bob)
    sign_in(page, bob, web)
    open_form(page)
    field(page).fill("Two hours.")
    sign_in_elsewhere(page, bob)

    page.locator("#post-1").get_by_role("button", name=button, exact=True).click()

    shown = "#post-2" if button == "Post" else "#post-1 .preview"
    expect(page.locator(shown)).to_contain_text("Two hours.")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_what_one_member_wrote_is_not_sent_by_another(
    topic_page: Page, question: Post, alice: User
):
    page = topic_page
    set_password(alice)
    open_form(page)
    field(page).fill("Two hours.")
    other = sign_in_elsewhere(page, alice)
    send = page.locator("#post-1").get_by_role("button", name="Post", exact=True)

    for _ in range(2):
        send.click()
        expect(page.get_by_role("alert")).to_have_text(
            "Not sent: you are signed in as @alice now. Your text is still here."
        )
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("link", name="Join")).to_be_visible()
    send.click()

    expect(page.get_by_role("alert")).to_contain_text("you are signed out")
    expect(field(page)).to_have_value("Two hours.")
    assert question.topic.posts.count() == 1


def test_a_sign_out_forgets_the_drafts_of_all_tabs(topic_page: Page, web: str):
    page = topic_page
    page.locator("#end-form textarea").fill("A long thought")
    held = "() => Object.keys(sessionStorage).join().includes('draft:')"
    assert page.evaluate(held)

    other = page.context.new_page()
    other.goto("/s/kitchen/new/")
    other.get_by_label("Title").fill("Bread")
    other.goto("/accounts/logout/")
    other.locator("main form button").click()
    expect(other.get_by_role("link", name="Join")).to_be_visible()

    assert not other.evaluate(held)
    page.wait_for_function(f"() => !({held})()")


def test_a_way_back_finds_the_form_of_a_sent_topic_empty(topic_page: Page):
    page = topic_page
    page.goto("/s/kitchen/new/")
    page.get_by_label("Title").fill("Bread")
    page.locator("textarea").fill("Flour?")
    page.get_by_role("button", name="Open the topic").click()
    page.wait_for_url(re.compile("/t/bread-"))

    page.go_back()

    expect(page.get_by_label("Title")).to_have_value("")
    expect(page.locator("textarea")).to_have_value("")
