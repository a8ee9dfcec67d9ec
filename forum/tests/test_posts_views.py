"""Answering, editing, deleting and previewing through the pages."""

import re
import uuid

import pytest

from forum.models import Post, Topic
from forum.services import posts
from forum.tests.conftest import HTMX

pytestmark = pytest.mark.django_db


def test_a_reply_leads_to_the_new_post(as_, bob, opening):
    response = as_(bob).post(f"/posts/{opening.pk}/reply/", {"body": "Two hours."})

    post = Post.objects.get(number=2)
    assert (post.body, post.parent_number, post.author) == ("Two hours.", 1, bob)
    assert response["Location"] == post.get_absolute_url()


def test_the_reply_form_is_a_page_and_a_piece(as_, bob, opening):
    browser = as_(bob)

    whole = browser.get(f"/posts/{opening.pk}/reply/")
    piece = browser.get(f"/posts/{opening.pk}/reply/", headers=HTMX)

    assert "How long does it simmer?" in whole.content.decode()
    assert "<html" not in piece.content.decode()
    assert "<textarea" in piece.content.decode()
    assert "HX-Request" in piece["Vary"]


def test_a_reply_by_htmx_comes_to_stand_under_its_parent(as_, bob, opening):
    answer = as_(bob).post(
        f"/posts/{opening.pk}/reply/", {"body": "Two hours."}, headers=HTMX
    )

    assert answer.status_code == 200
    post = Post.objects.get(number=2)
    page = answer.content.decode()
    assert (answer["HX-Retarget"], answer["Forllm-Path"]) == ("#posts", post.path)
    assert answer["Location"] == post.get_absolute_url()
    assert 'id="post-2"' in page
    assert 'id="reply-1" hx-swap-oob="true"' in page
    assert 'id="posts-count" hx-swap-oob="true">2 posts' in page


def test_forms_under_posts_have_ids_and_names_of_their_own(as_, bob, carol, opening):
    second = posts.reply(parent=opening, author=carol, body="Two hours.")
    browser = as_(bob)
    pieces = "".join(
        browser.get(f"/posts/{post.pk}/{what}/", headers=HTMX).content.decode()
        for post in (opening, second)
        for what in ("reply", "ask")
    )

    page = pieces + browser.get(opening.topic.get_absolute_url()).content.decode()

    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "Your reply to carol</label>" in page
    assert "Your reply to the topic</label>" in page


def test_the_form_at_the_end_comes_back_empty(as_, bob, opening):
    sent_from = HTMX | {"HX-Trigger": "end-form"}
    address = f"/posts/{opening.pk}/reply/"

    kept = as_(bob).post(address, {"body": ""}, headers=sent_from)
    emptied = as_(bob).post(address, {"body": "Two hours."}, headers=sent_from)

    assert '<form class="stack" id="end-form" action' in kept.content.decode()
    assert 'id="end-form" hx-swap-oob="true"' in emptied.content.decode()
    assert "Two hours.</textarea>" not in emptied.content.decode()
    assert 'id="reply-1"' not in emptied.content.decode()


def test_a_piece_looks_as_its_page_will(as_, bob, opening, alice):
    first = posts.reply(parent=opening, author=bob, body="one")
    posts.reply(parent=first, author=bob, body="under one")
    browser = as_(alice)

    piece = browser.post(
        f"/posts/{opening.pk}/reply/", {"body": "two"}, headers=HTMX
    ).content.decode()
    page = browser.get(opening.topic.get_absolute_url()).content.decode()

    entry = piece[: piece.index("</article>")].strip()
    assert "in reply to" in entry
    assert entry in page


@pytest.mark.requirement("F-41")
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["browser", "htmx"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "Please write something first."),
        ("\u200b\u00ad", "Please write something first."),
        ("x" * 100_000, "This text has 100,000 characters; at most 40,000 fit"),
        ("a\x00b", "Null characters are not allowed."),
    ],
    ids=["blank", "invisible", "long", "nul"],
)
def test_a_bad_reply_is_explained_and_kept(as_, bob, opening, body, said, headers):
    page = as_(bob).post(f"/posts/{opening.pk}/reply/", {"body": body}, headers=headers)

    assert page.status_code == 422
    assert said in page.content.decode()
    assert body[1:] in page.content.decode()
    assert Post.objects.count() == 1


def test_a_text_of_full_length_fits_with_the_newlines_of_a_browser(as_, bob, opening):
    body = "\r\n".join(["x" * 99] * 400)

    response = as_(bob).post(f"/posts/{opening.pk}/reply/", {"body": body})

    assert response.status_code == 302
    assert len(Post.objects.get(number=2).body) == 39_999


def test_a_locked_topic_says_so_and_keeps_the_text(as_, bob, opening):
    Topic.objects.update(is_locked=True)

    page = as_(bob).post(f"/posts/{opening.pk}/reply/", {"body": "Two hours."})

    assert page.status_code == 422
    assert "This topic is locked." in page.content.decode()
    assert "Two hours." in page.content.decode()
    assert Post.objects.count() == 1


def test_a_form_sent_twice_posts_once(as_, bob, opening):
    browser = as_(bob)
    form = browser.get(f"/posts/{opening.pk}/reply/").content.decode()
    token = re.search(r'name="token" value="([^"]+)"', form)[1]
    values = {"body": "Two hours.", "token": token}

    first, second = (
        browser.post(f"/posts/{opening.pk}/reply/", values) for _ in range(2)
    )

    assert first["Location"] == second["Location"]
    assert Post.objects.count() == 2


def test_a_token_that_is_none_does_no_harm(as_, bob, opening):
    values = {"body": "Two hours.", "token": "not-a-uuid"}

    response = as_(bob).post(f"/posts/{opening.pk}/reply/", values)

    assert response.status_code == 302


def test_a_preview_of_a_reply_writes_nothing(as_, bob, opening):
    values = {"body": "*Two* hours.", "preview": "1", "token": uuid.uuid4().hex}

    page = as_(bob).post(f"/posts/{opening.pk}/reply/", values)

    assert "<p><em>Two</em> hours.</p>" in page.content.decode()
    assert Post.objects.count() == 1


@pytest.mark.parametrize("page", ["reply", "edit", "delete", "history", "ask"])
def test_a_guest_is_sent_to_sign_in_and_back(client, opening, page):
    address = f"/posts/{opening.pk}/{page}/"

    assert client.get(address)["Location"] == f"/accounts/login/?next={address}"
    assert client.post(address)["Location"] == "/accounts/login/?next=/"


def test_a_guest_by_htmx_is_sent_with_the_whole_page(client, topic, opening):
    came_from = f"http://testserver{topic.get_absolute_url()}?at=1"

    answer = client.get(
        f"/posts/{opening.pk}/reply/", headers=HTMX | {"Referer": came_from}
    )

    back = f"{topic.get_absolute_url()}%3Fat%3D1"
    assert answer["HX-Redirect"] == f"/accounts/login/?next={back}"


@pytest.mark.parametrize("what", ["reply", "ask"])
def test_a_guest_who_sends_is_told_and_keeps_the_page(client, opening, what):
    address = f"/posts/{opening.pk}/{what}/"

    piece = client.post(address, {"body": "Two hours."}, headers=HTMX)
    page = client.post(address, {"body": "Two hours."}, follow=True)

    assert piece.status_code == 401
    assert piece["Content-Type"].startswith("text/plain")
    assert "signed out" in piece.content.decode()
    assert "nothing was sent" in page.content.decode()


def test_nobody_is_sent_back_to_another_site(client, opening):
    answer = client.post(
        f"/posts/{opening.pk}/reply/", headers={"Referer": "https://evil.example/x"}
    )

    assert answer["Location"] == "/accounts/login/?next=/"


@pytest.mark.parametrize("page", ["reply", "edit", "delete", "history", "ask"])
def test_an_unknown_post_is_not_found(as_, bob, page):
    assert as_(bob).get(f"/posts/99999999/{page}/").status_code == 404
    assert as_(bob).post(f"/posts/99999999/{page}/", {}).status_code == 404


@pytest.mark.parametrize("page", ["edit", "delete", "history"])
def test_a_stranger_does_not_find_these_pages(as_, carol, opening, page):
    address = f"/posts/{opening.pk}/{page}/"

    assert as_(carol).get(address).status_code == 404
    assert as_(carol).post(address, {"body": "mine"}).status_code == 404
    opening.refresh_from_db()
    assert opening.body == "How long does it simmer?"


def test_an_author_edits_and_sees_the_history(as_, alice, opening):
    browser = as_(alice)
    address = f"/posts/{opening.pk}/edit/"

    assert (
        "How long does it simmer?</textarea>" in browser.get(address).content.decode()
    )
    response = browser.post(address, {"body": "How long, really?"})
    history = browser.get(f"/posts/{opening.pk}/history/").content.decode()

    assert response["Location"] == opening.get_absolute_url()
    assert "How long does it simmer?" in history
    assert "How long, really?" in history


def test_an_edit_by_htmx_leads_to_the_post(as_, alice, opening):
    address = f"/posts/{opening.pk}/edit/"

    bad = as_(alice).post(address, {"body": " "}, headers=HTMX)
    good = as_(alice).post(address, {"body": "Really?"}, headers=HTMX)

    assert bad.status_code == 422
    assert "<html" not in bad.content.decode()
    assert good["HX-Redirect"] == opening.get_absolute_url()


def test_a_bad_edit_is_explained_and_changes_nothing(as_, alice, opening):
    page = as_(alice).post(f"/posts/{opening.pk}/edit/", {"body": " "})

    assert page.status_code == 422
    opening.refresh_from_db()
    assert opening.edited_at is None


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "piece"])
def test_an_edit_does_not_overwrite_one_made_meanwhile(as_, alice, opening, headers):
    browser = as_(alice)
    address = f"/posts/{opening.pk}/edit/"

    def edits(page) -> str:
        [found] = re.findall(r'name="edits" value="(\d+)"', page.content.decode())
        return str(found)

    began = edits(browser.get(address))
    first = {"body": "The first.", "edits": began}
    for _ in range(2):  # the same sent twice is no conflict
        assert browser.post(address, first).status_code == 302
    second = {"body": "The second.", "edits": began}
    refused = browser.post(address, second, headers=headers)
    opening.refresh_from_db()

    assert refused.status_code == 422
    assert opening.body == "The first."
    page = refused.content.decode()
    assert "The second.</textarea>" in page
    assert "The first.</pre>" in page
    assert "changed while you wrote" in page
    browser.post(address, second | {"edits": edits(refused)})
    opening.refresh_from_db()
    assert opening.body == "The second."


def test_a_preview_of_an_edit_changes_nothing(as_, alice, opening):
    values = {"body": "*Really?*", "preview": "1"}

    page = as_(alice).post(f"/posts/{opening.pk}/edit/", values)

    assert "<em>Really?</em>" in page.content.decode()
    opening.refresh_from_db()
    assert opening.edited_at is None


def test_deleting_asks_first(as_, alice, opening):
    browser = as_(alice)

    page = browser.get(f"/posts/{opening.pk}/delete/")
    opening.refresh_from_db()
    assert opening.deleted_at is None
    response = browser.post(f"/posts/{opening.pk}/delete/")

    assert "Delete this post?" in page.content.decode()
    opening.refresh_from_db()
    assert opening.deleted_at is not None
    assert response["Location"] == opening.get_absolute_url()


def test_staff_see_a_history_and_delete(as_, staff, opening, alice):
    posts.edit_post(post=opening, editor=alice, body="changed")
    browser = as_(staff)

    assert browser.get(f"/posts/{opening.pk}/history/").status_code == 200
    assert browser.get(f"/posts/{opening.pk}/edit/").status_code == 404
    assert browser.post(f"/posts/{opening.pk}/delete/").status_code == 302


def test_who_asked_deletes_a_personas_reply(as_, alice, bob, opening, answered):
    reply = answered(opening, bob).reply

    assert as_(alice).post(f"/posts/{reply.pk}/delete/").status_code == 404
    assert as_(bob).post(f"/posts/{reply.pk}/delete/").status_code == 302


@pytest.mark.requirement("F-41")
def test_the_preview_is_what_will_be_posted(as_, bob, opening):
    body = "# Hi\n\n[x](javascript:alert(1)) ![y](https://other.example/y.png)"
    browser = as_(bob)

    piece = browser.post("/posts/preview/", {"body": body}, headers=HTMX)
    browser.post(f"/posts/{opening.pk}/reply/", {"body": body})

    assert "<html" not in piece.content.decode()
    assert Post.objects.get(number=2).html in piece.content.decode()


def test_a_preview_of_nothing_says_so(as_, bob):
    piece = as_(bob).post("/posts/preview/", {"body": ""}, headers=HTMX)

    assert piece.status_code == 422
    assert "Please write something first." in piece.content.decode()


def test_a_preview_is_for_members_and_by_post(client, as_, bob):
    assert client.post("/posts/preview/", {"body": "a"}).status_code == 302
    assert as_(bob).get("/posts/preview/").status_code == 405
