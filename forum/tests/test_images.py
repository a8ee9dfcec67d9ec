"""Pictures of posts: written, changed, shown, taken away with the post."""

import re
import time
import uuid
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image

from core import images
from forum.errors import TooManyImages
from forum.forms.images import keep_picture
from forum.models import Post, PostImage, Topic
from forum.models.images import PostImageQuerySet
from forum.services import posts
from forum.services.images import Attachment
from forum.tests.conftest import HTMX
from tests.pictures import drawn, looked_at, upload

pytestmark = pytest.mark.django_db

KEPT = re.compile(r'name="kept-(\d)" value="([^"]+)"')


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def illustrated(alice, subforum) -> Post:
    """A post of alice with two pictures."""
    topic = posts.create_topic(
        subforum=subforum,
        author=alice,
        title="Soup",
        body="Is this right?",
        images=[attachment("red", "A red soup"), attachment("blue", "")],
    )
    return topic.posts.get()


def attachment(colour: str, alt: str = "") -> Attachment:
    return Attachment(alt=alt, picture=images.make_picture(drawn(colour)))


def files() -> list[str]:
    """What lies in storage: posts' pictures, and what was kept."""
    folder = Path(default_storage.path("."))
    found = [*folder.glob("posts/*"), *folder.glob("kept/*/*")]
    return sorted(str(path.relative_to(folder)) for path in found)


def kept_in(page: str) -> dict[str, str]:
    """The hidden fields that name what a form has."""
    return {f"kept-{row}": value for row, value in KEPT.findall(page)}


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["browser", "htmx"])
def test_a_topic_is_opened_with_pictures_and_shows_them(as_, alice, subforum, headers):
    browser = as_(alice)
    said = {"title": "Soup", "body": "Is this right?"}
    sent = {"image-0": upload("red", (400, 300)), "alt-0": "A red\u200b  soup"}

    browser.post(
        f"/s/{subforum.slug}/new/",
        said | sent | {"image-2": upload("blue")},
        headers=headers,
    )

    post = Post.objects.get()
    first, second = post.images.all()
    assert (post.images_count, first.alt, second.alt) == (2, "A red soup", "")
    assert (first.width, first.height) == (400, 300)
    page = browser.get(post.topic.get_absolute_url()).content.decode()
    assert (
        f'<a href="/posts/images/{first.pk}/"><img src="/posts/images/{first.pk}/"'
        ' alt="A red soup" width="400" height="300" loading="lazy"' in page
    )
    answer = browser.get(first.get_absolute_url())
    assert answer["Content-Type"] == "image/webp"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert looked_at(answer.content).size == (400, 300)


@pytest.mark.parametrize("reader", ["guest", "member"])
def test_a_browser_keeps_a_picture_that_everybody_may_see(
    client, as_, bob, illustrated, reader
):
    browser = as_(bob) if reader == "member" else client

    kept = browser.get(illustrated.images.first().get_absolute_url())["Cache-Control"]

    assert set(kept.split(", ")) == {"private", "max-age=86400", "immutable"}


@pytest.mark.fault("A-IDOR-7")
def test_no_browser_keeps_a_picture_for_whoever_uses_it_next(
    as_, alice, illustrated, monkeypatch
):
    """Every topic is open to all so far; this one is as if it were for members."""
    visible_to = PostImageQuerySet.visible_to
    monkeypatch.setattr(
        PostImageQuerySet,
        "visible_to",
        lambda found, user: visible_to(
            found if user.is_authenticated else found.none(), user
        ),
    )

    answer = as_(alice).get(illustrated.images.first().get_absolute_url())

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["browser", "htmx"])
def test_a_reply_has_its_pictures_at_once(as_, bob, opening, headers):
    answer = as_(bob).post(
        f"/posts/{opening.pk}/reply/",
        {"body": "Look.", "image-0": upload(), "alt-0": "A pot"},
        headers=headers,
        follow=True,
    )

    assert 'alt="A pot"' in answer.content.decode()


def test_an_edit_takes_pictures_out_and_puts_others_in(as_, alice, illustrated):
    browser = as_(alice)
    address = f"/posts/{illustrated.pk}/edit/"
    first, second = illustrated.images.all()
    form = browser.get(address).content.decode()

    browser.post(
        address,
        kept_in(form)
        | {
            "body": "Is it?",
            "drop-0": "on",
            "alt-1": "Blue",
            "image-3": upload("lime"),
        },
    )

    illustrated.refresh_from_db()
    stays, new = illustrated.images.all()
    assert (stays.pk, stays.file, stays.alt) == (second.pk, second.file, "Blue")
    assert (stays.position, new.position) == (0, 1)
    assert illustrated.images_count == 2
    assert browser.get(first.get_absolute_url()).status_code == 404
    assert illustrated.edited_at


def test_new_words_for_a_picture_alone_are_an_edit(as_, alice, illustrated):
    address = f"/posts/{illustrated.pk}/edit/"
    form = kept_in(as_(alice).get(address).content.decode())

    as_(alice).post(address, form | {"body": illustrated.body, "alt-0": "A red soup"})
    assert not illustrated.revisions.exists()
    as_(alice).post(address, form | {"body": illustrated.body, "alt-0": "Borscht"})

    assert illustrated.revisions.count() == 1
    assert illustrated.images.first().alt == "Borscht"


@pytest.mark.fault("A-IDOR-3")
def test_a_picture_of_another_post_is_not_taken_along(as_, alice, bob, illustrated):
    own = posts.reply(parent=illustrated, author=bob, body="Mine.")
    theirs = illustrated.images.first()

    page = as_(bob).post(
        f"/posts/{own.pk}/edit/", {"body": "Mine!", "kept-0": f"post:{theirs.pk}"}
    )

    assert page.status_code == 422
    assert "not there any more" in page.content.decode()
    assert not own.images.exists()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["browser", "htmx"])
def test_what_came_with_a_form_that_comes_back_is_kept(as_, bob, opening, headers):
    browser = as_(bob)
    address = f"/posts/{opening.pk}/reply/"

    page = browser.post(
        address,
        {"body": "", "image-1": upload("red"), "alt-1": "A pot"},
        headers=headers,
    )
    again = page.content.decode()
    kept = kept_in(again)

    assert page.status_code == 422
    assert "value=&quot;A pot" in again or 'value="A pot"' in again
    [seen] = re.findall(r'<img src="(/posts/images/kept/[^"]+)"', again)
    assert looked_at(browser.get(seen).content).size == (40, 30)
    browser.post(address, kept | {"body": "Look.", "alt-1": "A pot"}, headers=headers)
    assert [it.alt for it in PostImage.objects.all()] == ["A pot"]


def test_pictures_outlast_a_preview(as_, alice, subforum):
    browser = as_(alice)
    address = f"/s/{subforum.slug}/new/"
    said = {"title": "Soup", "body": "*Right*?"}

    page = browser.post(address, said | {"image-0": upload(), "preview": "1"})
    browser.post(address, said | kept_in(page.content.decode()))

    assert "<em>Right</em>" in page.content.decode()
    assert Post.objects.get().images_count == 1


@pytest.mark.django_db(transaction=True)  # what is kept is forgotten on commit
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["browser", "htmx"])
def test_a_form_with_a_kept_picture_that_comes_twice_counts_once(
    as_, bob, opening, subforum, headers
):
    browser = as_(bob)
    for address, said in (
        (f"/posts/{opening.pk}/reply/", {"body": "Look."}),
        (f"/s/{subforum.slug}/new/", {"title": "Soup", "body": "Right?"}),
    ):
        said |= {"token": str(uuid.uuid4())}
        page = browser.post(address, said | {"image-0": upload(), "preview": "1"})
        form = said | kept_in(page.content.decode())

        found = [browser.post(address, form, headers=headers) for _ in range(2)]

        assert found[0].status_code == found[1].status_code < 400
        assert Post.objects.filter(author=bob, body=said["body"]).count() == 1
        again = browser.post(address, form | {"body": "Another text."})
        assert again.status_code == 422


def test_a_kept_picture_can_be_taken_out_again(as_, bob, opening):
    address = f"/posts/{opening.pk}/reply/"
    page = as_(bob).post(address, {"body": "", "image-0": upload()})
    kept = kept_in(page.content.decode())

    back = as_(bob).post(address, kept | {"body": "", "drop-0": "on"})
    as_(bob).post(address, kept | {"body": "Look.", "drop-0": "on"})

    assert "/posts/images/kept/" not in back.content.decode()
    assert Post.objects.get(number=2).images_count == 0


@pytest.mark.fault("A-IDOR-3")
def test_what_somebody_else_kept_is_nobody_elses(as_, alice, bob, opening):
    token = keep_picture(images.make_picture(drawn()), alice)

    page = as_(bob).post(
        f"/posts/{opening.pk}/reply/", {"body": "Mine.", "kept-0": token}
    )

    assert page.status_code == 422
    assert as_(bob).get(f"/posts/images/kept/{token}/").status_code == 404
    assert as_(alice).get(f"/posts/images/kept/{token}/").status_code == 200
    assert not PostImage.objects.exists()


def test_what_is_kept_has_an_end(as_, alice, opening):
    first, *_ = [
        keep_picture(images.make_picture(drawn()), alice)
        for _ in range(images.MOST_KEPT + 1)
    ]

    page = as_(alice).post(
        f"/posts/{opening.pk}/reply/", {"body": "Mine.", "kept-0": first}
    )

    assert len(files()) == images.MOST_KEPT
    assert "Please choose it again" in page.content.decode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture"),
        (b"GIF89a<script>alert(1)</script>", "picture"),
        (drawn() + bytes(9_000_000), "8 MB"),
    ],
    ids=["svg", "script", "large"],
)
def test_a_bad_picture_is_explained_and_the_others_are_kept(
    as_, bob, opening, data, said
):
    page = as_(bob).post(
        f"/posts/{opening.pk}/reply/",
        {
            "body": "Look.",
            "image-0": SimpleUploadedFile("x.png", data),
            "image-1": upload("blue"),
        },
    )

    text = page.content.decode()
    assert page.status_code == 422
    assert said in text
    assert set(kept_in(text)) == {"kept-1"}
    assert not Post.objects.filter(number=2).exists()


def test_a_fifth_picture_finds_no_place(as_, bob, opening):
    sent = {f"image-{row}": upload() for row in range(7)}

    as_(bob).post(f"/posts/{opening.pk}/reply/", {"body": "Look."} | sent)

    assert Post.objects.get(number=2).images.count() == 4


def test_more_than_four_pictures_are_refused_by_the_service(bob, opening):
    with pytest.raises(TooManyImages):
        posts.reply(
            parent=opening,
            author=bob,
            body="Look.",
            images=[attachment("red") for _ in range(5)],
        )

    assert not Post.objects.filter(number=2).exists()


@pytest.mark.fault("A-PRIV-1")
def test_a_deleted_posts_pictures_are_gone_with_their_files(
    as_, client, alice, illustrated, django_capture_on_commit_callbacks
):
    addresses = [it.get_absolute_url() for it in illustrated.images.all()]
    assert [client.get(it).status_code for it in addresses] == [200, 200]

    with django_capture_on_commit_callbacks(execute=True):
        as_(alice).post(f"/posts/{illustrated.pk}/delete/")

    assert [client.get(it).status_code for it in addresses] == [404, 404]
    assert files() == []
    illustrated.refresh_from_db()
    assert illustrated.images_count == 0


def test_the_files_of_one_post_are_no_other_posts(
    alice, illustrated, django_capture_on_commit_callbacks
):
    other = posts.reply(
        parent=illustrated, author=alice, body="Same.", images=[attachment("red")]
    )

    with django_capture_on_commit_callbacks(execute=True):
        posts.delete_post(post=illustrated, actor=alice)

    assert files() == [f"posts/{other.images.get().file}"]


def test_files_without_a_post_are_cleaned_after_a_day(alice, illustrated, monkeypatch):
    images.store_picture(drawn())
    images.keep_picture(drawn(), owner=alice.pk)
    before = files()

    def clean() -> str:
        said = StringIO()
        call_command("clean_pictures", stdout=said)
        return said.getvalue()

    assert clean() == "0 files removed.\n"
    assert files() == before
    then = time.time()
    monkeypatch.setattr(time, "time", lambda: then + 2 * 24 * 60 * 60)
    assert clean() == "2 files removed.\n"
    assert files() == sorted(f"posts/{it.file}" for it in PostImage.objects.all())


def test_a_page_pays_one_query_for_all_its_pictures_and_none_without(
    as_, bob, opening, illustrated
):
    for _ in range(3):
        posts.reply(
            parent=illustrated, author=bob, body="x", images=[attachment("red")]
        )
    browser = as_(bob)
    plain, shown = opening.topic, illustrated.topic

    with CaptureQueriesContext(connection) as without:
        browser.get(plain.get_absolute_url())
    with CaptureQueriesContext(connection) as together:
        browser.get(shown.get_absolute_url())

    assert not any("postimage" in it["sql"] for it in without)
    assert sum("postimage" in it["sql"] for it in together) == 1
    assert len(together) == len(without) + 1 <= 8


def test_a_form_of_four_pictures_of_eight_megabytes_is_not_too_large(settings):
    largest = settings.MAX_POST_IMAGES * images.MAX_PICTURE_BYTES

    assert largest + 1024 * 1024 <= settings.MAX_REQUEST_BYTES


@pytest.mark.fault("A-PRIV-1")
def test_a_photo_of_a_phone_is_posted_without_its_place(as_, bob, opening):
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 29: "alice at 48.137"}
    file = BytesIO()
    Image.new("RGB", (8064, 6048), "green").save(file, "JPEG", exif=exif)
    film = bytes(5_000_000)  # behind it, as phones put it there
    photo = SimpleUploadedFile("x.jpg", file.getvalue() + film)

    page = as_(bob).post(
        f"/posts/{opening.pk}/reply/", {"body": "Look.", "image-0": photo}
    )

    image = Post.objects.get(number=2).images.get()
    assert page.status_code == 302
    assert (image.width, image.height) == (1600, 1200)
    stored = as_(bob).get(image.get_absolute_url()).content
    assert b"48.137" not in stored
    assert len(stored) < images.MAX_MADE_BYTES


def test_counts_of_pictures_are_those_of_their_rows(illustrated):
    counted = Topic.objects.get(pk=illustrated.topic_id).posts.get()

    assert counted.images_count == counted.images.count() == 2
