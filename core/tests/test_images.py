"""Uploaded pictures: what is taken, what is left of it, and what is refused."""

import itertools
import random
import resource
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from io import BytesIO
from threading import Event

import pytest
from PIL import Image

from core import images
from core.errors import ImageRefused

PNG = b"\x89PNG\r\n\x1a\n"


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def plain(width: int = 300, height: int = 200, colour: str = "red") -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def shown(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def claimed(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return PNG + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def webp_claimed(width: int, height: int) -> bytes:
    """A moving WebP of one small frame on a canvas of this size."""
    still = encoded(plain(4, 4), "WEBP")[12:]
    sides = b"".join((side - 1).to_bytes(3, "little") for side in (width, height))
    corner = bytes(6) + (3).to_bytes(3, "little") * 2 + bytes(4)
    parts = [
        (b"VP8X", b"\x02\0\0\0" + sides),
        (b"ANIM", bytes(6)),
        (b"ANMF", corner + still),
    ]
    body = b"".join(name + struct.pack("<I", len(part)) + part for name, part in parts)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


@pytest.mark.requirement("M-48")
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ("RGB", "L", "P", "1", "LA", "I;16")),
        *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
        ("WEBP", "RGB"),
        ("GIF", "P"),
    ],
)
def test_a_picture_becomes_a_small_square(kind, mode):
    made = shown(images.make_avatar(encoded(plain().convert(mode), kind)))

    assert (made.format, made.size) == ("WEBP", (200, 200))


def test_a_large_picture_is_made_small_and_stays_what_it_shows():
    made = shown(images.make_avatar(encoded(plain(4096, 2000, "navy"), "JPEG")))

    assert made.size == (256, 256)
    assert made.convert("RGB").getpixel((128, 128))[2] > 100


def test_what_is_clear_stays_clear():
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))

    made = shown(images.make_avatar(encoded(clear, "PNG")))

    assert made.convert("RGBA").getpixel((30, 30))[3] == 0


@pytest.mark.fault("A-PRIV-1")
def test_a_photo_is_turned_upright_and_says_nothing_of_where_it_was_taken():
    photo = plain(100, 100, "blue")
    photo.paste("red", (0, 0, 100, 50))  # red above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    exif[0x010F] = "The camera of alice"
    data = encoded(photo, "JPEG", exif=exif, comment=b"from the garden")

    made = images.make_avatar(data)

    assert shown(made).convert("RGB").getpixel((50, 10))[2] > 200  # blue above now
    assert b"alice" not in made
    assert b"garden" not in made
    assert not shown(made).getexif()


def test_of_a_moving_picture_the_first_frame_stays():
    frames = [plain(colour=colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    made = shown(images.make_avatar(data))

    assert getattr(made, "n_frames", 1) == 1
    assert made.convert("RGB").getpixel((50, 50))[0] > 200


def test_what_hangs_behind_a_picture_is_not_kept():
    hidden = b"<html><script>alert(1)</script></html>"
    data = encoded(plain(), "GIF") + hidden

    made = images.make_avatar(data)

    assert b"script" not in made


@pytest.mark.fault("A-IMP-1")
def test_text_that_unpacks_to_a_thousand_times_its_size_is_never_unpacked():
    whole = encoded(plain(), "PNG")
    bomb = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(60_000_000), 9))
    before = peak_kib()

    made = images.make_avatar(whole[:33] + bomb * 20 + whole[33:])

    assert shown(made).size == (200, 200)
    assert peak_kib() - before < 20_000


@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize(
    "data",
    [
        claimed(50_000, 50_000),
        claimed(4_097, 10),
        claimed(2**31 - 1, 2**31 - 1),
        claimed(0, 10),
        webp_claimed(13_000, 13_000),
        webp_claimed(2**24, 2**24),
        webp_claimed(4_096, 2_049),
    ],
    ids=["bomb", "wide", "huge", "nothing", "webp", "huge webp", "webp in bounds"],
)
def test_a_picture_that_claims_to_be_vast_is_refused_unopened(data):
    before = peak_kib()

    with pytest.raises(ImageRefused):
        images.make_avatar(data)

    assert peak_kib() - before < 20_000


@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize(
    ("kind", "mode", "size"),
    [("PNG", "RGBA", (4096, 4096)), ("WEBP", "RGB", (4096, 2048))],
    ids=["png", "webp"],
)
def test_the_largest_pictures_take_no_more_memory_than_is_said(kind, mode, size):
    data = encoded(Image.new(mode, size), kind)
    before = peak_kib()

    images.make_picture(data)

    assert peak_kib() - before < 140 * 1024


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        b"<!doctype html><p>Hello",
        b"BM" + bytes(100),
        b"%PDF-1.7",
        PNG,
        PNG + b"\xff\xff\xff\xffIHDR",
        encoded(plain(), "TIFF"),
        encoded(plain(), "BMP"),
        encoded(plain(), "ICO"),
    ],
)
def test_what_is_no_picture_of_the_four_kinds_is_refused(data):
    with pytest.raises(ImageRefused):
        images.make_avatar(data)


@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize("make", [images.make_avatar, images.make_picture])
def test_a_picture_without_the_palette_it_needs_is_refused(make):
    head = struct.pack(">IIBBBBB", 2, 2, 8, 3, 0, 0, 0)
    pixels = zlib.compress(bytes(6))
    parts = [(b"IHDR", head), (b"IDAT", pixels), (b"IEND", b"")]

    with pytest.raises(ImageRefused):
        make(PNG + b"".join(chunk(*part) for part in parts))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_half_a_picture_is_refused(kind):
    noise = Image.effect_noise((200, 200), 90)
    data = encoded(noise, kind)

    with pytest.raises(ImageRefused):
        images.make_avatar(data[: len(data) // 2])


def test_a_picture_of_too_many_bytes_is_refused():
    with pytest.raises(ImageRefused, match="2 MB"):
        images.make_avatar(encoded(plain(), "PNG") + bytes(images.MAX_BYTES))


def test_a_photo_of_ten_thousand_passes_is_refused():
    data = encoded(plain(), "JPEG", progressive=True)
    scans = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x10\x00" * 10_000

    with pytest.raises(ImageRefused):
        images.make_avatar(data[:-2] + scans + data[-2:])


@pytest.mark.fault("A-IMP-1")
def test_damaged_pictures_are_refused_and_break_nothing():
    chance = random.Random(7)
    noise = Image.effect_noise((60, 60), 90)
    for kind in ("PNG", "JPEG", "WEBP", "GIF"):
        whole = encoded(noise, kind)
        for _ in range(150):
            broken = bytearray(whole)
            for _ in range(chance.choice((1, 3, 20))):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            try:
                made = images.make_avatar(bytes(broken))
            except ImageRefused:
                continue
            assert max(shown(made).size) <= images.AVATAR_SIDE


def test_a_picture_is_stored_once_under_the_name_of_its_content(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    picture = images.make_avatar(encoded(plain(), "PNG"))

    names = {images.store_avatar(picture) for _ in range(2)}

    (name,) = names
    assert [path.name for path in (tmp_path / "avatars").iterdir()] == [
        name.removeprefix("avatars/")
    ]
    assert images.read_avatar(name.removeprefix("avatars/")) == picture


def test_a_stored_picture_is_served_to_be_kept(client, db, settings, tmp_path, alice):
    settings.MEDIA_ROOT = tmp_path
    name = images.store_avatar(images.make_avatar(encoded(plain(), "PNG")))
    client.force_login(alice)

    answer = client.get(f"/media/{name}")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/webp"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Set-Cookie" not in answer


@pytest.mark.parametrize(
    "name",
    ["", "x", "..%2f..%2fembedded.env", "a" * 40, "a" * 40 + ".webp", "..", "%00"],
)
def test_no_other_file_is_served(client, db, name):
    assert client.get(f"/media/avatars/{name}").status_code == 404


@pytest.mark.parametrize(
    ("size", "kept"),
    [((40, 30), (40, 30)), ((4096, 1024), (1600, 400)), ((1000, 3000), (533, 1600))],
    ids=["small", "wide", "tall"],
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_posts_picture_keeps_its_shape_and_is_no_larger_than_a_page(kind, size, kept):
    made = images.make_picture(encoded(plain(*size), kind))

    picture = shown(made.data)
    assert (picture.format, picture.size) == ("WEBP", kept)
    assert (made.width, made.height) == kept
    assert picture.convert("RGB").getpixel((kept[0] // 2, kept[1] // 2))[0] > 200


def test_a_posts_picture_shows_the_same_from_edge_to_edge():
    """Made band by band, it has no seams: as near the whole resized as WebP allows."""
    steps = Image.linear_gradient("L").resize((2000, 3000)).convert("RGB")

    made = shown(images.make_picture(encoded(steps, "PNG")).data).convert("L")

    column = [made.getpixel((500, row)) for row in range(made.height)]
    assert max(abs(a - b) for a, b in itertools.pairwise(column)) <= 4
    assert (column[0] < 5, column[-1] > 250) == (True, True)


@pytest.mark.fault("A-PRIV-1")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_posts_picture_is_upright_and_says_nothing_else(kind):
    photo = plain(300, 100, "blue")
    photo.paste("red", (0, 0, 150, 100))  # red on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    exif[0x010F] = "The camera of alice"
    data = encoded(photo, kind, exif=exif, icc_profile=b"profile of alice" * 20)
    data += b"<script>alert(1)</script>"

    made = images.make_picture(data)

    picture = shown(made.data).convert("RGB")
    assert picture.size == (100, 300) == (made.width, made.height)
    assert picture.getpixel((50, 20))[0] > 200  # red above
    assert not any(
        word in made.data for word in (b"alice", b"script", b"EXIF", b"ICCP")
    )


def test_what_is_clear_in_a_posts_picture_stays_clear_and_white_to_models(
    settings, tmp_path
):
    settings.MEDIA_ROOT = tmp_path
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))

    made = images.make_picture(encoded(clear, "PNG")).data
    sent = shown(images.for_model(images.store_picture(made)))

    assert shown(made).convert("RGBA").getpixel((30, 30))[3] == 0
    assert (sent.format, sent.getpixel((30, 30))) == ("JPEG", (255, 255, 255))


def test_of_a_moving_picture_a_post_shows_the_first_frame():
    frames = [plain(colour=colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    made = shown(images.make_picture(data).data)

    assert getattr(made, "n_frames", 1) == 1
    assert made.convert("RGB").getpixel((50, 50))[0] > 200


def test_no_picture_becomes_a_file_that_four_of_make_too_heavy_a_call(
    settings, tmp_path
):
    settings.MEDIA_ROOT = tmp_path
    bands = [Image.effect_noise((1600, 1600), 250) for _ in "RGB"]
    stencil = bands[0].point(lambda light: 255 if light > 127 else 0)
    noise = Image.merge("RGBA", [*bands, stencil])

    made = images.make_picture(encoded(noise, "WEBP", quality=20)).data

    assert len(made) <= images.MAX_MADE_BYTES
    sent = images.for_model(images.store_picture(made))
    assert len(sent) <= images.MAX_MADE_BYTES


def test_a_picture_to_a_model_is_counted_by_its_size():
    assert images.vision_tokens(1600, 1600) == 1399
    assert images.vision_tokens(30, 20) == 1


def test_of_the_threads_that_answer_pages_only_some_wait_for_pictures(monkeypatch):
    goes_on = Event()
    monkeypatch.setattr(images, "_unpack", lambda *_: goes_on.wait(60))
    data = encoded(plain(), "PNG")

    with ThreadPoolExecutor(8) as threads:
        pictures = [threads.submit(images.make_picture, data) for _ in range(8)]
        try:
            refused = list(itertools.islice(as_completed(pictures, timeout=50), 4))
        finally:
            goes_on.set()

    said = [str(it.exception()) for it in refused]
    assert all(it.startswith("Many pictures are being sent just now") for it in said)
    assert [it.exception() for it in pictures if it not in refused] == [None] * 4
    assert images.make_picture(data).width == 300
