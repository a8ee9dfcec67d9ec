"""Photos as phones send them: far larger than what is kept, and read row by row."""

import struct
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from core import images
from core.errors import ImageRefused

SIZE = (8064, 6048)  # 48 megapixels
SECRETS = (b"alice", b"48.137", b"EXIF", b"XMP ", b"ICCP")
_SIZE_IN_HEAD = ">HH"  # height and width, after a frame's marker, length and precision


def photo(kind: str = "JPEG", size: tuple[int, int] = SIZE, **options: object) -> bytes:
    """Red on the left, blue on the right, to be turned to the right; with its place."""
    picture = Image.new("RGB", size, "blue")
    picture.paste("red", (0, 0, size[0] // 2, size[1]))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "The phone of alice"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 13.7), 29: "alice at 48.137"}
    file = BytesIO()
    picture.save(file, kind, exif=exif, icc_profile=b"of alice" * 20, **options)
    return file.getvalue()


def frame_of(data: bytes) -> int:
    """Where the frame's marker stands in a small JPEG."""
    return max(data.find(marker) for marker in (b"\xff\xc0", b"\xff\xc2"))


def claimed(data: bytes, width: int, height: int) -> bytes:
    """The same file, which says it is so large."""
    made = bytearray(data)
    struct.pack_into(_SIZE_IN_HEAD, made, frame_of(data) + 5, height, width)
    return bytes(made)


def small(**options: object) -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "red").save(file, "JPEG", **options)
    return file.getvalue()


def with_a_pass_for_each_colour() -> bytes:
    """Of a file of one pass, a head that says its first pass has one colour of three."""
    data = bytearray(small())
    start = data.find(b"\xff\xda")
    data[start + 4] = 1
    return bytes(data)


def with_two_frames() -> bytes:
    data = small()
    at = frame_of(data)
    (length,) = struct.unpack_from(">H", data, at + 2)
    return data[:at] + data[at : at + 2 + length] + data[at:]


@pytest.mark.fault("A-PRIV-1")
@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_a_phones_photo_becomes_a_posts_picture_that_says_nothing_of_its_place(kind):
    options = {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}
    data = photo(kind, **(options if kind == "MPO" else {}))
    assert b"alice at 48.137" in data

    made = images.make_picture(data)

    picture = Image.open(BytesIO(made.data))
    assert picture.size == (made.width, made.height) == (1200, 1600)
    above, below = (picture.convert("RGB").getpixel((600, row)) for row in (50, 1550))
    assert above[0] > 200 > below[0]
    assert above[2] < 50 < below[2]
    assert not picture.getexif()
    assert not [word for word in SECRETS if word in made.data]


_MEASURE = """
import sys
from core import images

def most_kib():
    with open("/proc/self/status") as status:
        return next(int(it.split()[1]) for it in status if it.startswith("VmHWM"))

with open(sys.argv[1], "rb") as file:
    data = file.read()
before = most_kib()
try:
    images.make_picture(data)
except images.ImageRefused as refusal:
    print(refusal, file=sys.stderr)
print(most_kib() - before)
"""


def taken_kib(data: bytes, tmp_path) -> int:
    """How much memory a process of its own takes for the picture, in KiB."""
    file = tmp_path / "photo"
    file.write_bytes(data)
    command = [sys.executable, "-c", _MEASURE, str(file)]
    done = subprocess.run(command, check=True, capture_output=True)
    return int(done.stdout)


@pytest.mark.fault("A-IMP-1")
def test_a_photo_of_48_megapixels_is_never_whole_in_memory(tmp_path):
    whole_kib = SIZE[0] * SIZE[1] * 3 // 1024

    assert taken_kib(photo(), tmp_path) < whole_kib // 2


@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize(
    "data",
    [
        claimed(small(progressive=True), *SIZE),
        claimed(with_a_pass_for_each_colour(), *SIZE),
        claimed(with_two_frames(), *SIZE),
        claimed(small(), 50_000, 50_000),
        claimed(small(), 12_001, 10),
        claimed(small(), 8_000, 6_251),
        claimed(small(), 0, 10),
    ],
    ids=["progressive", "passes", "two frames", "bomb", "wide", "more", "nothing"],
)
def test_a_photo_that_would_have_to_be_whole_in_memory_is_refused_unopened(
    data, tmp_path
):
    with pytest.raises(ImageRefused):
        images.make_picture(data)

    assert taken_kib(data, tmp_path) < 8_000


def test_a_photo_that_is_too_large_is_told_why():
    with pytest.raises(ImageRefused, match="progressive"):
        images.make_picture(claimed(small(progressive=True), *SIZE))
    with pytest.raises(ImageRefused, match="50 million"):
        images.make_picture(claimed(small(), 9_000, 9_000))


def test_a_photo_that_ends_too_early_is_refused():
    with pytest.raises(ImageRefused):
        images.make_picture(claimed(small(), *SIZE)[:-20])


def test_a_moving_photo_is_taken_with_the_film_behind_it():
    film = b"\xff\xda" * 2_000_000

    made = images.make_picture(small() + film)

    assert (made.width, made.height) == (64, 48)


def test_a_photo_may_have_eight_megabytes():
    most = images.MAX_PICTURE_BYTES
    whole = small()

    assert images.make_picture(whole + bytes(most - len(whole))).width == 64
    with pytest.raises(ImageRefused, match="8 MB"):
        images.make_picture(whole + bytes(most + 1 - len(whole)))


@pytest.mark.fault("A-IMP-1")
def test_an_avatar_may_be_no_larger_than_before():
    with pytest.raises(ImageRefused, match="4,096"):
        images.make_avatar(claimed(small(), *SIZE))
    with pytest.raises(ImageRefused, match="2 MB"):
        images.make_avatar(small() + bytes(images.MAX_BYTES))
