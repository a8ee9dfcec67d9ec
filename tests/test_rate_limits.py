"""Who is too fast is told so, in the page, and when to go on."""

import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from core import addresses, images
from forum.models import Ask, Post, PostImage, Subforum, Topic
from forum.services import posts
from forum.services.images import Attachment
from llmqueue.models import LLMRequest
from tests.own_keys import bring_key
from tests.pictures import drawn, upload

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
HERE, THERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def allow(settings):
    """Let these rates hold, from nothing counted yet."""
    store = redis.Redis.from_url(settings.REDIS_URL)
    store.flushall()

    def allow(**found: list[tuple[int, float]]) -> None:
        settings.RATES = found

    return allow


def statuses(client: Client, times: int, **how) -> list[int]:
    return [client.get("/", **how).status_code for _ in range(times)]


# By address.


@pytest.mark.requirement("R-95", "R-96")
@pytest.mark.fault("A-RATE-1")
def test_a_guest_who_opens_too_many_pages_reads_when_to_go_on(client, allow):
    allow(guest_pages=[(2, 600)])

    assert statuses(client, 2) == [200, 200]
    page = client.get("/")

    assert page.status_code == 429
    assert 590 < int(page["Retry-After"]) <= 600
    assert page["X-Request-ID"]
    text = page.content.decode()
    assert "Too many pages were opened from your address" in text
    assert "Try again in 10 minutes." in text


@pytest.mark.requirement("R-95")
def test_guests_are_counted_by_address(client, allow):
    allow(guest_pages=[(1, 600)])

    assert statuses(client, 2, REMOTE_ADDR=HERE) == [200, 429]
    assert statuses(client, 1, REMOTE_ADDR=THERE) == [200]
    assert statuses(client, 1, REMOTE_ADDR="2a00:1:2:3::1") == [200]
    assert statuses(client, 1, REMOTE_ADDR="2a00:1:2:3::2") == [429]


@pytest.mark.requirement("R-95")
@pytest.mark.fault("A-RATE-2")
def test_a_guest_who_claims_other_addresses_is_counted_all_the_same(client, allow):
    allow(guest_pages=[(1, 600)])

    found = [
        client.get("/", headers={"X-Forwarded-For": f"203.0.113.{at}"}).status_code
        for at in range(3)
    ]

    assert found == [200, 429, 429]


def test_staff_read_that_guests_may_come_through_a_proxy_that_nobody_named(
    client, allow, staff, monkeypatch
):
    monkeypatch.setattr(addresses, "unbelieved", {})
    allow(guest_pages=[(9, 600)])

    def limits() -> str:
        browser = Client()
        browser.force_login(staff)
        return browser.get("/settings/limits/").text

    before = limits()
    client.get("/", headers={"X-Forwarded-For": THERE}, REMOTE_ADDR="10.9.9.9")

    assert "X-Forwarded-For" not in before
    assert "came from a private network (10.9.9.9), which" in limits()


@pytest.mark.fault("A-RATE-2")
def test_guests_behind_a_proxy_of_ours_are_counted_by_their_own_address(
    client, allow, settings
):
    allow(guest_pages=[(1, 600)])
    settings.TRUSTED_PROXIES = ["127.0.0.1"]

    found = [
        client.get("/", headers={"X-Forwarded-For": address}).status_code
        for address in (HERE, THERE, HERE, f"{THERE}, {HERE}")
    ]

    assert found == [200, 200, 429, 429]


@pytest.mark.fault("A-ENUM-1")
def test_what_does_not_exist_counts_and_what_the_site_needs_does_not(client, allow):
    allow(guest_pages=[(1, 600)])

    assert client.get("/u/nobody/").status_code == 404
    assert client.get("/nothing").status_code == 429
    assert client.get("/healthz").status_code == 200
    assert client.get("/media/avatars/no.webp").status_code == 404


def test_a_made_up_session_is_counted_as_a_guest(allow):
    allow(guest_pages=[(1, 600)], member_pages=[(9, 600)])

    found = [
        Client().get("/", headers={"Cookie": f"session={'a' * 31}{at}"}).status_code
        for at in range(2)
    ]

    assert found == [200, 429]


# By member.


@pytest.mark.requirement("R-95")
def test_members_behind_one_address_are_counted_each_by_themselves(
    allow, as_, alice, bob
):
    allow(guest_pages=[(1, 600)], member_pages=[(2, 600)])

    assert statuses(as_(alice), 3) == [200, 200, 429]
    assert statuses(as_(bob), 2) == [200, 200]
    assert statuses(Client(), 2) == [200, 429]
    assert statuses(as_(alice), 1, REMOTE_ADDR=THERE) == [429]


@pytest.mark.requirement("R-95", "R-96")
@pytest.mark.fault("A-RATE-1")
def test_a_reply_that_comes_too_soon_is_shown_again_with_its_text(
    allow, as_, bob, topic
):
    allow(posts=[(1, 600)])
    opening, browser = topic.posts.get(), as_(bob)
    address = reverse("forum:reply_create", args=[opening.pk])
    browser.post(address, {"body": "One."})

    page = browser.post(address, {"body": "Two, with much thought."})

    assert page.status_code == 429
    assert 590 < int(page["Retry-After"]) <= 600
    text = page.content.decode()
    assert "You are posting very fast. Try again in 10 minutes." in text
    assert "Two, with much thought." in text
    assert Post.objects.count() == 2


@pytest.mark.requirement("R-96")
def test_htmx_gets_the_words_alone_and_its_form_stays(allow, as_, bob, topic):
    allow(posts=[(1, 600)])
    opening, browser = topic.posts.get(), as_(bob)
    address = reverse("forum:reply_create", args=[opening.pk])
    browser.post(address, {"body": "One."}, headers=HTMX)

    answer = browser.post(address, {"body": "Two."}, headers=HTMX)

    assert answer.status_code == 429
    assert answer["Retry-After"]
    assert answer["Content-Type"].startswith("text/plain")
    said = "You are posting very fast. Try again in 10 minutes."
    assert answer.content.decode() == said


def test_a_topic_and_an_edit_count_as_posts_and_keep_their_text(
    allow, as_, alice, topic, subforum
):
    allow(posts=[(1, 600)])
    browser, opening = as_(alice), topic.posts.get()
    new = reverse("forum:topic_create", args=[subforum.slug])
    edit = reverse("forum:post_edit", args=[opening.pk])
    browser.post(new, {"title": "One", "body": "Text"})

    pages = [
        browser.post(new, {"title": "Two", "body": "Long text"}),
        browser.post(edit, {"body": "Long text", "token": opening.pk}),
    ]

    assert [page.status_code for page in pages] == [429, 429]
    assert all("Long text" in page.content.decode() for page in pages)
    assert Topic.objects.count() == 2


def test_a_form_with_errors_is_not_counted_as_a_post(allow, as_, bob, topic):
    allow(posts=[(1, 600)])
    address = reverse("forum:reply_create", args=[topic.posts.get().pk])
    browser = as_(bob)

    found = [browser.post(address, {"body": it}).status_code for it in ("", "", "One.")]

    assert found == [422, 422, 302]


def test_a_preview_that_comes_too_soon_keeps_the_text(allow, as_, bob, topic):
    allow(previews=[(1, 600)])
    address = reverse("forum:reply_create", args=[topic.posts.get().pk])
    form = {"body": "A *long* text", "preview": "1"}
    browser = as_(bob)

    first, second = browser.post(address, form), browser.post(address, form)

    assert (first.status_code, second.status_code) == (200, 429)
    assert "A *long* text" in second.content.decode()


def test_previews_beside_a_form_are_counted(allow, as_, bob):
    allow(previews=[(1, 600)])
    browser, address = as_(bob), reverse("forum:post_preview")

    found = [
        browser.post(address, {"body": "x"}, headers=HTMX).status_code for _ in range(2)
    ]

    assert found == [200, 429]


@pytest.mark.requirement("R-95", "C-20")
def test_asks_are_counted_by_member(allow, as_, alice, bob, topic, fake_config):
    allow(asks=[(2, 600)])
    address = reverse("forum:ask_create", args=[topic.posts.get().pk])
    browser = as_(bob)

    found = [browser.post(address, {"persona": ""}) for _ in range(3)]

    assert [page.status_code for page in found] == [302, 302, 429]
    assert "You are asking very fast" in found[2].content.decode()
    assert as_(alice).post(address, {"persona": ""}).status_code == 302
    assert LLMRequest.objects.count() == 3


@pytest.mark.requirement("C-20", "M-27", "R-95")
def test_asks_on_a_key_of_ones_own_are_counted_too(allow, as_, bob, topic, fake_config):
    bring_key(bob, fake_config.endpoint, "sk-own-key-of-bob")
    allow(asks=[(1, 600)])
    address = reverse("forum:ask_create", args=[topic.posts.get().pk])
    browser = as_(bob)

    found = [browser.post(address, {"persona": ""}).status_code for _ in range(2)]

    assert found == [302, 429]


@pytest.mark.parametrize("route", ["forum:ask_retry", "llmqueue:request_retry"])
def test_asking_again_counts_as_an_ask(allow, as_, bob, topic, fake_config, route):
    browser = as_(bob)
    browser.post(
        reverse("forum:ask_create", args=[topic.posts.get().pk]), {"persona": ""}
    )
    request = LLMRequest.objects.get()
    browser.post(reverse("llmqueue:request_cancel", args=[request.public_id]))
    allow(asks=[(1, 600)])
    address = reverse(route, args=[request.public_id])

    found = [browser.post(address).status_code for _ in range(2)]

    assert found == [302, 429]
    assert Ask.objects.count() == 2


@pytest.mark.requirement("R-95", "M-20")
@pytest.mark.parametrize(
    "route", ["endpoint_try", "endpoint_ask_models", "endpoint_edit"]
)
def test_tests_of_models_are_counted_by_person(
    allow, as_, staff, fake_endpoint, fake_llm, route
):
    allow(tests=[(1, 600)])
    address = reverse(f"llmconfig:{route}", args=[fake_endpoint.pk])
    browser = as_(staff)

    browser.post(address)
    page = browser.post(address)

    assert page.status_code == 429
    assert "You are testing very fast" in page.content.decode()


def test_tests_of_a_members_own_keys_are_counted(allow, as_, bob, fake_config):
    endpoint = fake_config.endpoint
    bring_key(bob, endpoint, "sk-own-key-of-bob")
    allow(tests=[(1, 600)])
    browser = as_(bob)

    browser.post(reverse("llmconfig:key_test", args=[endpoint.pk]))
    page = browser.post(reverse("llmconfig:key_test", args=[endpoint.pk]))

    assert page.status_code == 429


def test_files_are_counted_by_member(allow, as_, bob):
    allow(uploads=[(1, 600)])
    browser, address = as_(bob), reverse("personas:persona_import")

    def send(*, with_file: bool) -> int:
        card = SimpleUploadedFile("card.json", b"{}")
        return browser.post(address, {"file": card} if with_file else {}).status_code

    assert send(with_file=True) == 422
    assert send(with_file=True) == 429
    assert send(with_file=False) == 422


def test_pictures_sent_with_posts_are_files_too(allow, as_, bob, topic):
    allow(uploads=[(1, 600)])
    address = reverse("forum:reply_create", args=[topic.posts.get().pk])
    browser = as_(bob)

    found = [
        browser.post(address, {"body": f"Look {at}", "image-0": upload()})
        for at in range(2)
    ]

    assert [page.status_code for page in found] == [302, 429]
    assert browser.post(address, {"body": "Without"}).status_code == 302


@pytest.mark.requirement("R-95")
@pytest.mark.parametrize("is_member", [False, True], ids=["guest", "member"])
def test_the_pictures_of_a_page_do_not_count_as_pages(
    allow, as_, bob, topic, is_member
):
    allow(guest_pages=[(2, 600)], member_pages=[(2, 600)], pictures=[(3, 600)])
    posts.reply(
        parent=topic.posts.get(),
        author=bob,
        body="Look",
        images=[Attachment(picture=images.make_picture(drawn()))],
    )
    address = PostImage.objects.get().get_absolute_url()
    browser = as_(bob) if is_member else Client()

    found = [browser.get(address).status_code for _ in range(4)]

    assert found == [200, 200, 200, 429]
    assert statuses(browser, 3) == [200, 200, 429]


# By subforum.


@pytest.mark.requirement("R-95", "R-96")
def test_asks_are_counted_by_subforum(
    allow, as_, alice, bob, carol, topic, fake_config
):
    allow(asks=[(9, 600)], subforum_asks=[(2, 600)])
    elsewhere = posts.create_topic(
        subforum=Subforum.objects.create(name="Garden", slug="garden"),
        author=alice,
        title="Leeks",
        body="When?",
    )
    here, there = (
        reverse("forum:ask_create", args=[it.posts.get().pk])
        for it in (topic, elsewhere)
    )

    found = [as_(it).post(here, {"persona": ""}) for it in (alice, bob, carol)]

    assert [page.status_code for page in found] == [302, 302, 429]
    assert found[2]["Retry-After"]
    said = "A lot is being asked in this subforum just now"
    assert said in found[2].content.decode()
    assert as_(carol).post(there, {"persona": ""}).status_code == 302


# Valkey.


@pytest.mark.fault("A-RATE-1")
def test_pages_and_posts_go_on_while_valkey_is_away(
    allow, client, as_, bob, topic, settings
):
    allow(guest_pages=[(1, 600)], member_pages=[(1, 600)], posts=[(1, 600)])
    address = reverse("forum:reply_create", args=[topic.posts.get().pk])
    browser = as_(bob)
    settings.REDIS_URL = "unix:///nowhere/at/all"

    found = [
        *statuses(client, 3),
        *(browser.post(address, {"body": "One."}).status_code for _ in range(2)),
    ]

    assert found == [200, 200, 200, 302, 302]


def test_a_page_asks_valkey_once(allow, as_, bob, topic, settings):
    allow(guest_pages=[(9, 600)], member_pages=[(9, 600), (99, 6000)])
    browser = as_(bob)
    browser.get(topic.get_absolute_url())
    store = redis.Redis.from_url(settings.REDIS_URL)
    store.config_resetstat()

    browser.get(topic.get_absolute_url())

    calls = {name: it["calls"] for name, it in store.info("commandstats").items()}
    assert calls["cmdstat_evalsha"] == 1
    assert calls["cmdstat_lpush"] == 1


# What staff read.


def test_staff_read_which_rates_hold_and_where_to_change_them(allow, as_, staff):
    allow(posts=[(3, 15)])

    page = as_(staff).get(reverse("studio:limit_list")).content.decode()

    assert "3 in 15 seconds" in page
    assert "RATE_POSTS" in page
