"""Reading a topic and opening one."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from forum.models import Post, Topic
from forum.services import asks, posts
from forum.tests.conftest import HTMX

pytestmark = pytest.mark.django_db


@pytest.fixture
def long_topic(opening, bob):
    """Ten posts: 1, with 2 (3, 4) and 5 to 10 under it."""
    second = posts.reply(parent=opening, author=bob, body="post 2")
    for number in (3, 4):
        posts.reply(parent=second, author=bob, body=f"post {number}")
    for number in range(5, 11):
        posts.reply(parent=opening, author=bob, body=f"post {number}")
    return opening.topic


def numbers(response) -> list[int]:
    found = re.findall(r'id="post-(\d+)"', response.content.decode())
    return [int(number) for number in found]


def test_a_topic_shows_its_posts_in_tree_order(client, opening, bob, alice):
    first = posts.reply(parent=opening, author=bob, body="one")
    posts.reply(parent=opening, author=bob, body="two")
    posts.reply(parent=first, author=alice, body="under one")

    page = client.get(opening.topic.get_absolute_url())

    assert numbers(page) == [1, 2, 4, 3]
    text = page.content.decode()
    assert 'class="post d2"' in text
    assert "in reply to" in text


def test_a_wrong_slug_leads_to_the_right_address(client, topic):
    page = client.get(f"/t/salad-{topic.pk}/?after=1")

    assert page.status_code == 302
    assert page["Location"] == f"/t/soup-{topic.pk}/?after=1"


@pytest.mark.parametrize("address", ["/t/soup-0/", "/t/soup-99999999/", "/t/soup/"])
def test_an_unknown_topic_is_not_found(client, topic, address):
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    ("query", "shown", "earlier", "later"),
    [
        ("", [1, 2, 3, 4], "", "?after=4"),
        ("?after=4", [5, 6, 7, 8], "?before=5", "?after=8"),
        ("?after=8", [9, 10], "?before=9", ""),
        ("?before=9", [5, 6, 7, 8], "?before=5", "?after=8"),
        ("?before=3", [1, 2], "", "?after=2"),
        ("?at=4", [2, 3, 4, 5], "?before=2", "?after=5"),
        ("?at=10", [8, 9, 10], "?before=8", ""),
        ("?at=2", [1, 2, 3, 4], "", "?after=4"),
    ],
)
def test_posts_are_paged_by_key(
    client, settings, long_topic, query, shown, earlier, later
):
    settings.POSTS_PER_PAGE = 4

    response = client.get(long_topic.get_absolute_url() + query)

    page = response.context["page"]
    assert numbers(response) == shown
    assert (page.earlier, page.later) == (earlier, later)


@pytest.mark.parametrize(
    "query", ["at=0", "at=99", "at=x", "after=10", "before=1", "at=9999999999", "at=-1"]
)
def test_a_page_that_does_not_exist_is_not_found(client, long_topic, query):
    address = f"{long_topic.get_absolute_url()}?{query}"

    assert client.get(address).status_code == 404


def test_links_to_posts_hold_wherever_a_piece_is_put(as_, bob, long_topic):
    page = as_(bob).get(long_topic.get_absolute_url()).content.decode()

    links = re.findall(r'href="([^"]*#post-\d+)"', page)
    assert links
    assert all(link.startswith(long_topic.get_absolute_url()) for link in links)


def test_a_deleted_post_keeps_its_place(client, opening, bob, alice):
    post = posts.reply(parent=opening, author=bob, body="a secret")
    posts.reply(parent=post, author=alice, body="below")
    posts.delete_post(post=post, actor=bob)

    page = client.get(opening.topic.get_absolute_url())

    assert numbers(page) == [1, 2, 3]
    assert "a secret" not in page.content.decode()
    assert "deleted" in page.content.decode()


@pytest.mark.requirement("F-41")
@pytest.mark.fault("A-XSS-1")
def test_what_members_write_stands_as_text(client, subforum, make_member):
    mallory = make_member("mallory", display_name="<script>alert(1)</script>")
    topic = posts.create_topic(
        subforum=subforum,
        author=mallory,
        title="<img src=x onerror=alert(2)>",
        body="<script>alert(3)</script>",
    )

    for address in (topic.get_absolute_url(), "/s/kitchen/", "/", "/u/mallory/"):
        page = client.get(address).content.decode()
        assert "<script>alert" not in page
        assert "<img" not in page


@pytest.mark.requirement("F-12", "F-57")
def test_a_personas_reply_is_marked_and_carries_its_receipt(
    client, opening, alice, answered
):
    ask = answered(opening, alice)

    page = client.get(opening.topic.get_absolute_url()).content.decode()

    assert 'class="post d1 persona" id="post-2"' in page
    assert '<span class="kind">AI persona</span>' in page
    assert "<summary>Maestro v1 · Fake model · 2.1 s</summary>" in page
    assert ask.request.get_absolute_url() in page


@pytest.mark.requirement("F-12")
@pytest.mark.fault("B9")
def test_a_reply_cannot_draw_a_badge(client, opening, alice, bob):
    posts.reply(
        parent=opening,
        author=bob,
        body='<span class="kind">AI persona</span>\n\n<p class="persona">x</p>',
    )

    page = client.get(opening.topic.get_absolute_url()).content.decode()

    assert '<span class="kind">' not in page
    assert " persona" not in "".join(re.findall(r'class="post[^"]*"', page))


def test_an_open_ask_shows_its_state_and_its_stream(client, opening, alice, maestro):
    ask = asks.ask(post=opening, member=alice, persona=maestro)

    page = client.get(opening.topic.get_absolute_url()).content.decode()

    assert f'id="ask-{ask.request.public_id}"' in page
    assert "Maestro is waiting" in page
    assert "data-stream=" in page


def test_buttons_are_there_for_those_who_may(client, as_, opening, alice, bob, staff):
    def texts(browser) -> str:
        page = browser.get(opening.topic.get_absolute_url()).content.decode()
        return " ".join(re.findall(r">(Reply|Ask a persona|Edit|Delete)</a>", page))

    assert texts(client) == ""
    assert texts(as_(bob)) == "Reply Ask a persona"
    assert texts(as_(alice)) == "Reply Ask a persona Edit Delete"
    assert texts(as_(staff)) == "Reply Ask a persona Delete"


def fill(opening, alice, answered, count: int) -> None:
    text = "Two hours, if the *bones* are large.\n\n" + "Then taste it again. " * 15
    for _ in range(count):
        answered(opening, alice, text)


@pytest.mark.requirement("F-44")
def test_a_topic_needs_few_queries_whatever_its_length(
    client, as_, opening, alice, answered
):
    fill(opening, alice, answered, 2)
    asks.ask(post=opening, member=alice)
    address = opening.topic.get_absolute_url()
    browser = as_(alice)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as member:
            browser.get(address)
        with CaptureQueriesContext(connection) as guest:
            client.get(address)
        counts.append((len(member), len(guest)))
        fill(opening, alice, answered, 25)

    assert counts[0] == counts[1]
    assert counts[0][0] <= 9
    assert counts[0][1] <= 6


@pytest.mark.requirement("F-44")
def test_a_page_of_twenty_receipts_is_small(client, as_, opening, alice, answered):
    fill(opening, alice, answered, 21)
    browser = as_(alice)

    sizes = [
        len(who.get(f"{opening.topic.get_absolute_url()}?after=1").content)
        for who in (client, browser)
    ]

    assert Post.objects.count() == 22
    assert max(sizes) <= 50_000


@pytest.mark.requirement("F-10")
def test_a_member_opens_a_topic(as_, bob, subforum):
    response = as_(bob).post("/s/kitchen/new/", {"title": "Bread", "body": "Flour?"})

    topic = Topic.objects.get()
    assert (topic.title, topic.author) == ("Bread", bob)
    assert response["Location"] == topic.get_absolute_url()


def test_a_topic_by_htmx_leads_there(as_, bob, subforum):
    bad = as_(bob).post("/s/kitchen/new/", {"title": "Bread"}, headers=HTMX)
    good = as_(bob).post(
        "/s/kitchen/new/", {"title": "Bread", "body": "Flour?"}, headers=HTMX
    )

    assert bad.status_code == 422
    assert "<html" not in bad.content.decode()
    assert good["HX-Redirect"] == Topic.objects.get().get_absolute_url()


def test_a_guest_is_sent_to_sign_in_and_back(client, subforum):
    response = client.get("/s/kitchen/new/")

    assert response["Location"] == "/accounts/login/?next=/s/kitchen/new/"


def test_a_preview_of_a_topic_writes_nothing(as_, bob, subforum):
    values = {"title": "Bread", "body": "*Flour*?", "preview": "1"}

    page = as_(bob).post("/s/kitchen/new/", values)

    assert page.status_code == 200
    assert "<p><em>Flour</em>?</p>" in page.content.decode()
    assert "*Flour*?</textarea>" in page.content.decode()
    assert not Topic.objects.exists()


@pytest.mark.requirement("F-10", "F-41")
@pytest.mark.parametrize(
    ("title", "body", "kept"),
    [
        ("", "Flour and water", "Flour and water"),
        ("\u200b", "Flour and water", "Flour and water"),
        ("x" * 151, "Flour and water", "Flour and water"),
        ("Bread", "", "Bread"),
        ("Bread", "\u200b \n", "Bread"),
        ("Bread", "x" * 100_000, "x" * 100_000),
        ("Bread", "nul \x00 here", "Bread"),
        ("nul \x00 here", "Flour and water", "Flour and water"),
    ],
)
def test_bad_input_is_said_and_kept(as_, bob, subforum, title, body, kept):
    page = as_(bob).post("/s/kitchen/new/", {"title": title, "body": body})

    assert page.status_code == 422
    assert 'class="errorlist"' in page.content.decode()
    assert kept in page.content.decode()
    assert not Topic.objects.exists()
