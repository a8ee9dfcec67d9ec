"""The front page, topic lists, and what a member wrote."""

from datetime import timedelta

import pytest
from django.utils import timezone

from forum.models import Subforum, Topic
from forum.services import asks, posts
from forum.tests.conftest import HTMX
from llmconfig.models import Endpoint
from llmconfig.services.endpoints import connect_demo_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def topics(subforum, alice) -> list[Topic]:
    """Seven topics, the newest last; the third is pinned, two share their time."""
    made = [
        posts.create_topic(
            subforum=subforum, author=alice, title=f"Topic number {n}", body="a"
        )
        for n in range(7)
    ]
    now = timezone.now()
    for n, topic in enumerate(made):
        topic.last_post_at = now + timedelta(minutes=min(n, 5))
        topic.is_pinned = n == 2
        topic.save()
    return made


@pytest.mark.requirement("F-09")
def test_the_front_page_lists_subforums(client, topic):
    Subforum.objects.create(name="Attic", slug="attic", position=9)

    page = client.get("/").content.decode()

    assert page.index("Kitchen") < page.index("Attic")
    assert "1 topic · 1 post" in page
    assert topic.get_absolute_url() in page


def test_the_front_page_says_so_when_there_is_nothing(client):
    assert "There are no subforums yet." in client.get("/").content.decode()


@pytest.mark.requirement("F-09")
def test_an_unknown_subforum_is_not_found(client, as_, alice):
    assert client.get("/s/cellar/").status_code == 404
    assert as_(alice).post("/s/cellar/new/", {"title": "a"}).status_code == 404


def test_an_empty_subforum_invites(client, subforum):
    page = client.get("/s/kitchen/")

    assert "No topics yet" in page.content.decode()


def test_topics_are_paged_by_key(client, settings, topics):
    settings.TOPICS_PER_PAGE = 3
    address, seen = "/s/kitchen/", []
    for _ in range(3):
        page = client.get(address).context["page"]
        seen.append([topics.index(topic) for topic in page.topics])
        address = f"/s/kitchen/{page.older}"

    assert seen == [[2, 6, 5], [4, 3, 1], [0]]
    assert page.older == ""


def test_a_page_keeps_its_place_when_newer_topics_arrive(
    client, settings, topics, subforum, alice
):
    settings.TOPICS_PER_PAGE = 3
    older = client.get("/s/kitchen/").context["page"].older
    posts.create_topic(subforum=subforum, author=alice, title="New", body="a")

    page = client.get(f"/s/kitchen/{older}").context["page"]

    assert [topics.index(topic) for topic in page.topics] == [4, 3, 1]


@pytest.mark.parametrize(
    "cursor", ["x", "1", "2-3-4", "1-2-", "1-2-3-4", "1-99999999999999999-1", "٣-1-1"]
)
def test_a_cursor_we_did_not_make_is_not_found(client, subforum, cursor):
    assert client.get("/s/kitchen/", {"before": cursor}).status_code == 404


@pytest.mark.requirement("F-44")
def test_the_topic_list_needs_few_queries(
    as_, alice, topics, django_assert_max_num_queries
):
    browser = as_(alice)

    with django_assert_max_num_queries(6):
        browser.get("/s/kitchen/")
    with django_assert_max_num_queries(6):
        browser.get("/")


def test_a_members_posts_are_a_page_and_a_piece(client, topic, opening):
    whole = client.get("/u/ALICE/posts/")
    piece = client.get("/u/alice/posts/", headers=HTMX)

    assert "How long does it simmer?" in whole.content.decode()
    assert "<html" in whole.content.decode()
    assert "<html" not in piece.content.decode()
    assert opening.get_absolute_url() in piece.content.decode()
    assert "HX-Request" in piece["Vary"]


def test_the_owner_is_told_which_model_answers_only_while_it_matters(
    as_, make_member, staff
):
    browser = as_(make_member("owner", is_staff=True, is_superuser=True))

    connect_demo_model(url="http://127.0.0.1:8001/v1", key="sk-demo")
    demo = browser.get("/").content.decode()
    strangers = as_(staff).get("/").content.decode()
    Endpoint.objects.update(is_enabled=False)
    off = browser.get("/").content.decode()
    Endpoint.objects.update(is_enabled=True, provider="compatible")
    own = browser.get("/").content.decode()

    assert "connect a model" not in own + strangers
    assert "The small demo model answers" in demo
    assert "No model is switched on" in off
    assert "demo model" not in off


@pytest.mark.parametrize("link", ["login", "signup"])
def test_a_guest_who_signs_in_or_joins_comes_back(client, topic, link):
    address = topic.get_absolute_url()
    goal = f'href="/accounts/{link}/?next={address}"'

    assert client.get(address).content.decode().count(goal) == 2


def test_an_open_ask_tells_a_browser_without_scripts_to_reload(client, topic, alice):
    asks.ask(post=topic.posts.get(), member=alice)

    page = client.get(topic.get_absolute_url()).content.decode()

    assert '<noscript><p class="hint">Reload the page' in page
