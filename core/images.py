"""Pictures that people upload: looked at with suspicion, made anew, stored as files.

Nothing of what came is kept but its pixels: no metadata, no other frames, nothing that
was hidden behind the end. An avatar's file has a name made from its content, so it never
changes; a post's picture has a file and a name of its own, so that it can go with the post.
"""

import hashlib
import math
import os
import re
import secrets
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from django.core.files.storage import default_storage
from PIL import Image

from core import jpeg_frame, png_text
from core.errors import ImageRefused
from core.png_text import PngRefused

MAX_BYTES = 2 * 1024 * 1024  # of an avatar
MAX_PICTURE_BYTES = 8 * 1024 * 1024  # of a post's picture, which may be a phone's photo
MAX_SIDE = 4_096  # both sides: 16 megapixels
# A photo that is read row by row, and reduced as it is read, is never whole in memory.
MAX_PHOTO_SIDE = 12_000
MAX_PHOTO_PIXELS = 50_000_000
# Its decoder holds a WebP four times over.
MAX_WEBP_PIXELS = 8 * 1024 * 1024
AVATAR_SIDE = 256
PICTURE_SIDE = 1_600
# What is shown to models: 1,400 tokens by `vision_tokens`, and letters stay readable.
SENT_SIDE = 1_024
# Of each picture as it is stored, and as it is sent: four make 4 MB.
MAX_MADE_BYTES = 1024 * 1024
# What was stored lately may belong to a draft that is being saved.
UNUSED_DAYS = 1
# Pictures of unsent posts that are kept for one member; the oldest make room.
MOST_KEPT = 12
AVATAR_NAME = re.compile(r"[0-9a-f]{40}\.webp")

_AVATARS, _POSTS, _KEPT = "avatars", "posts", "kept"
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# What a picture needs. The others may unpack to a thousand times their size.
_PNG_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"))
# A photo has about ten passes; each costs a decoder a walk over the whole picture.
_MOST_SCANS = 100
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    LookupError,
    OverflowError,
    AssertionError,  # Pillow's, of a PNG that lacks the palette it needs
)
# Rows that are scaled at a time, so that no second copy of a large picture is made.
_BAND = 64
# Of colours and of transparency; with the last even noise fits into MAX_MADE_BYTES.
_QUALITIES = ((85, 100), (50, 50), (1, 0))
_ORIENTATION = 0x0112  # in EXIF
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# One picture takes up to 130 MiB for a moment (measured: a clear PNG of 16 megapixels, a
# WebP of 8); others wait for their turn.
_decoding = threading.BoundedSemaphore(1)
# Of the threads that answer pages (`forllm/asgi.py`) so many wait at the most.
_entrance = threading.BoundedSemaphore(4)


@dataclass(frozen=True)
class Picture:
    """A post's picture as WebP, and its size in pixels."""

    data: bytes
    width: int
    height: int


def make_avatar(data: bytes, *, most_pixels: int = MAX_SIDE**2) -> bytes:
    """The picture as a square WebP of at most AVATAR_SIDE, upright and without metadata.

    Takes PNG, JPEG, WebP and GIF, told by their content; of moving ones the first frame.
    One of more than `most_pixels` is not unpacked. Raises ImageRefused.
    """
    with _opened(data, MAX_BYTES, most_pixels) as picture:
        side = min(AVATAR_SIDE, *picture.size)
        _unpack(picture, (2 * AVATAR_SIDE, 2 * AVATAR_SIDE))
        shortest = min(picture.size)
        left, top = ((length - shortest) / 2 for length in picture.size)
        middle = (left, top, left + shortest, top + shortest)
        return _as_webp(_upright(picture, _scaled(picture, (side, side), middle)))


def make_picture(data: bytes) -> Picture:
    """The whole picture for a post: of at most PICTURE_SIDE and MAX_MADE_BYTES.

    Takes photos of up to MAX_PHOTO_PIXELS as well. Otherwise as `make_avatar`; what is
    transparent stays so. Raises ImageRefused.
    """
    with _opened(data, MAX_PICTURE_BYTES, MAX_SIDE**2, MAX_PHOTO_PIXELS) as picture:
        size = fitted(picture.size, PICTURE_SIDE)
        _unpack(picture, size)
        made = _upright(picture, _scaled(picture, size, (0, 0, *picture.size)))
        return Picture(_as_webp(made), *made.size)


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height of the same shape with no side longer than `side`."""
    scale = min(1.0, side / max(size))
    width, height = (max(1, round(length * scale)) for length in size)
    return width, height


def vision_tokens(width: int, height: int) -> int:
    """About how many tokens a picture of this size is to a model, once it is sent.

    A token for 750 pixels, by Anthropic's rule; OpenAI's large models count fewer.
    """
    sent_width, sent_height = fitted((width, height), SENT_SIDE)
    return math.ceil(sent_width * sent_height / 750)


def for_model(name: str) -> bytes | None:
    """A stored picture as models take it: JPEG of at most SENT_SIDE.

    None: it is gone, or cannot be read any more. Not every server of models reads WebP.
    What was transparent is white.
    """
    stored = read_picture(name)
    if stored is None:
        return None
    try:
        with _decoding, Image.open(BytesIO(stored), formats=["WEBP"]) as picture:
            picture.thumbnail((SENT_SIDE, SENT_SIDE))
            paper = Image.new("RGB", picture.size, "white")
            clear = picture.convert("RGBA") if picture.mode != "RGB" else None
            paper.paste(clear or picture, mask=clear)
    except _BROKEN:
        return None
    return _in_few_bytes(paper, "JPEG")


@contextmanager
def _opened(
    data: bytes, most_bytes: int, most_pixels: int, most_photo_pixels: int = 0
) -> Iterator[Image.Image]:
    """The picture, not unpacked yet; raises ImageRefused for whatever goes wrong with it.

    `most_photo_pixels`: of a JPEG that is read row by row, if that is more.
    """
    if len(data) > most_bytes:
        raise ImageRefused(_TOO_MANY_BYTES.format(most_bytes // 1024 // 1024))
    frame = jpeg_frame.find(data)
    has_passes = data.startswith(b"\xff\xd8") and not (frame and frame.is_row_by_row)
    if has_passes and data.count(b"\xff\xda") > _MOST_SCANS:
        raise ImageRefused
    if not _entrance.acquire(blocking=False):
        raise ImageRefused(_BUSY)
    try:
        with _decoding, Image.open(BytesIO(_bare(data)), formats=_FORMATS) as picture:
            # Only the beginning was read so far.
            if frame and frame.is_row_by_row and frame.size == picture.size:
                most_pixels = max(most_pixels, most_photo_pixels)
            _check_pixels(picture, most_pixels)
            yield picture
    except (Image.DecompressionBombError, MemoryError):
        raise ImageRefused(_TOO_MANY_PIXELS) from None
    except _BROKEN:
        raise ImageRefused from None
    finally:
        _entrance.release()


def _check_pixels(picture: Image.Image, most: int) -> None:
    width, height = picture.size
    longest, words = MAX_SIDE, _TOO_MANY_PIXELS
    if most > MAX_SIDE**2:
        longest, words = MAX_PHOTO_SIDE, _PHOTO_TOO_LARGE
    elif picture.format in ("JPEG", "MPO"):
        words = _PHOTO_IN_PASSES
    if max(width, height) > longest or width * height > most:
        raise ImageRefused(words)
    if picture.format == "WEBP" and width * height > MAX_WEBP_PIXELS:
        raise ImageRefused(_WEBP_TOO_LARGE)


_TOO_MANY_BYTES = (
    "This picture is too large; it may have {} MB. Please make a smaller copy first."
)
_BUSY = (
    "Many pictures are being sent just now: please choose this one again in a moment."
)
_TOO_MANY_PIXELS = (
    f"This picture has too many pixels; it may be {MAX_SIDE:,} wide and high."
)
_PHOTO_TOO_LARGE = (
    f"This photo has too many pixels; it may have {MAX_PHOTO_PIXELS // 10**6} million,"
    f" and be {MAX_PHOTO_SIDE:,} wide and high."
)
_PHOTO_IN_PASSES = (
    f"{_TOO_MANY_PIXELS} Photos as phones save them, which are not progressive, may have"
    " more in a post."
)
_WEBP_TOO_LARGE = (
    "This WebP has too many pixels; it may have 8 million. A JPEG may have 16."
)


def _unpack(picture: Image.Image, least: tuple[int, int]) -> None:
    """Decode it; of a JPEG no more than half, a quarter or an eighth if that has `least`."""
    picture.draft("RGB", least)
    if picture.width * picture.height > MAX_SIDE**2:
        raise ImageRefused(_TOO_MANY_PIXELS)  # it did not become smaller
    picture.load()


def _scaled(
    picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]
) -> Image.Image:
    """What `box` holds of `picture` in this size, as RGB, or RGBA where it is clear.

    Made band by band: converted and scaled whole, it would lie in memory several times.
    """
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    made = Image.new(mode, size)
    left, upper, right, lower = box
    scale = (lower - upper) / size[1]
    margin = math.ceil(3 * scale) + 1  # the filter looks as far around
    for row in range(0, size[1], _BAND):
        rows = min(_BAND, size[1] - row)
        above, below = upper + row * scale, min(upper + (row + rows) * scale, lower)
        first = max(0, math.floor(above) - margin)
        last = min(picture.height, math.ceil(below) + margin)
        band = picture.crop((0, first, picture.width, last)).convert(mode)
        part = (left, above - first, right, below - first)
        band = band.resize((size[0], rows), Image.Resampling.LANCZOS, part)
        made.paste(band, (0, row))
    return made


def _upright(picture: Image.Image, made: Image.Image) -> Image.Image:
    """`made`, turned as the metadata of `picture` say."""
    turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
    return made if turn is None else made.transpose(turn)


def _as_webp(pixels: Image.Image) -> bytes:
    return _in_few_bytes(pixels, "WEBP")


def _in_few_bytes(pixels: Image.Image, kind: str) -> bytes:
    """The file; less good if it would have more than MAX_MADE_BYTES."""
    for quality, of_clear in _QUALITIES:
        made = BytesIO()
        pixels.save(made, kind, quality=quality, alpha_quality=of_clear)
        if made.tell() <= MAX_MADE_BYTES:
            break
    return made.getvalue()


def _bare(data: bytes) -> bytes:
    """A PNG without the parts that a picture does not need; others as they are."""
    if not png_text.is_png(data):
        return data
    try:
        return png_text.with_only(data, _PNG_CHUNKS)
    except PngRefused:
        raise ImageRefused from None


def store_avatar(picture: bytes) -> str:
    """Keep what `make_avatar` made; return the name for a FileField.

    The file appears whole or not at all, and twice the same picture is one file.
    """
    digest = hashlib.sha256(picture).hexdigest()[:40]
    name = f"{_AVATARS}/{digest}.webp"
    try:
        os.utime(_path(name))  # it may lie there unused, and about to be removed
    except FileNotFoundError:
        _write(name, picture)
    return name


def store_picture(data: bytes) -> str:
    """Keep what `make_picture` made as a post's own file; return its name."""
    name = f"{secrets.token_hex(20)}.webp"
    _write(f"{_POSTS}/{name}", data)
    return name


def read_picture(name: str) -> bytes | None:
    """The picture of a post by its file's name; None if it is gone."""
    return _read(f"{_POSTS}/{name}")


def remove_picture(name: str) -> None:
    """Remove a post's file; one that is gone already may be."""
    _path(f"{_POSTS}/{name}").unlink(missing_ok=True)


def keep_picture(data: bytes, *, owner: int) -> str:
    """Keep a picture of a post that its writer, `owner`, has not sent yet; return its name.

    Of more than MOST_KEPT the oldest go, so that nobody fills the disk with them.
    """
    folder = f"{_KEPT}/{owner}"
    name = f"{secrets.token_hex(20)}.webp"
    _write(f"{folder}/{name}", data)
    files = [entry for entry in _path(folder).iterdir() if entry.suffix == ".webp"]
    by_age = sorted(files, key=_changed_at)
    for path in by_age[:-MOST_KEPT]:
        path.unlink(missing_ok=True)
    return name


def read_kept(name: str, *, owner: int) -> bytes | None:
    """What `keep_picture` kept for this member; None if it made room meanwhile."""
    return _read(f"{_KEPT}/{owner}/{name}")


def forget_kept(name: str, *, owner: int) -> None:
    """Remove what was kept: its post has it now."""
    _path(f"{_KEPT}/{owner}/{name}").unlink(missing_ok=True)


def _path(name: str) -> Path:
    return Path(default_storage.path(name))


def _read(name: str) -> bytes | None:
    try:
        return _path(name).read_bytes()
    except FileNotFoundError:
        return None


def _write(name: str, data: bytes) -> None:
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


def old_avatars() -> list[str]:
    """The names of avatars' files that nobody stored for UNUSED_DAYS."""
    return _old_files(_AVATARS)


def old_pictures() -> list[str]:
    """The same of posts' files."""
    return _old_files(_POSTS)


def _old_files(folder: str) -> list[str]:
    found = _path(folder)
    if not found.is_dir():
        return []
    files = (entry for entry in found.iterdir() if entry.is_file())
    return sorted(entry.name for entry in files if _is_old(entry))


def remove_old_kept() -> int:
    """Remove what was kept for unsent posts UNUSED_DAYS ago; how many files it was."""
    folder = _path(_KEPT)
    files = [path for path in folder.glob("*/*") if _is_old(path)]
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)


def remove_old(name: str) -> bool:
    """Remove one of `old_avatars`, unless it was stored again since."""
    path = _path(f"{_AVATARS}/{name}")
    # Aside first: who stores the same picture from now on does not find it, and who did
    # before has made it young.
    aside = path.with_name(f"{name}.old")
    try:
        os.replace(path, aside)
    except FileNotFoundError:  # by another that cleans at the same time
        return False
    if _is_old(aside):
        aside.unlink(missing_ok=True)
        return True
    os.replace(aside, path)
    return False


def _is_old(path: Path) -> bool:
    return time.time() - _changed_at(path) > UNUSED_DAYS * 24 * 60 * 60


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # removed by another this moment
        return time.time()


def as_png(picture: bytes) -> bytes:
    """What `make_avatar` made, for programs that take only PNG."""
    made = BytesIO()
    with Image.open(BytesIO(picture), formats=["WEBP"]) as avatar:
        avatar.save(made, "PNG")
    return made.getvalue()


def read_avatar(name: str) -> bytes | None:
    """The picture of this name (without a folder), None if there is none."""
    return _read(f"{_AVATARS}/{name}") if AVATAR_NAME.fullmatch(name) else None
