"""Pictures that people upload: looked at with suspicion, made anew, stored as files.

Nothing of what came is kept but its pixels: no metadata, no other frames, nothing that
was hidden behind the end. A file's name comes from its content, so it never changes.
"""

import hashlib
import os
import re
import struct
import tempfile
import threading
import time
from io import BytesIO
from pathlib import Path

from django.core.files.storage import default_storage
from PIL import Image, ImageOps

from core import png_text
from core.errors import ImageRefused
from core.png_text import PngRefused

MAX_BYTES = 2 * 1024 * 1024
MAX_SIDE = 4_096  # both sides: 16 megapixels
AVATAR_SIDE = 256
# What was stored lately may belong to a draft that is being saved.
UNUSED_DAYS = 1
AVATAR_NAME = re.compile(r"[0-9a-f]{40}\.webp")

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
# What a picture needs. The others may unpack to a thousand times their size.
_PNG_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"))
# A photo has about ten passes; each costs a decoder a walk over the whole picture.
_MOST_SCANS = 100
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, LookupError, OverflowError)

# One decoded picture can take 64 MiB; others wait for their turn.
_decoding = threading.BoundedSemaphore(1)


def make_avatar(data: bytes, *, most_pixels: int = MAX_SIDE**2) -> bytes:
    """The picture as a square WebP of at most AVATAR_SIDE, upright and without metadata.

    Takes PNG, JPEG, WebP and GIF, told by their content; of moving ones the first frame.
    One of more than `most_pixels` is not unpacked. Raises ImageRefused.
    """
    if len(data) > MAX_BYTES:
        raise ImageRefused("This picture is too large; it may have 2 MB.")
    if data.count(b"\xff\xda") > _MOST_SCANS and data.startswith(b"\xff\xd8"):
        raise ImageRefused
    try:
        with _decoding:
            return _made_anew(_bare(data), most_pixels)
    except (Image.DecompressionBombError, MemoryError):
        raise ImageRefused(_TOO_MANY_PIXELS) from None
    except _BROKEN:
        raise ImageRefused from None


_TOO_MANY_PIXELS = (
    f"This picture has too many pixels; it may be {MAX_SIDE:,} wide and high."
)


def _made_anew(data: bytes, most_pixels: int) -> bytes:
    with Image.open(BytesIO(data), formats=_FORMATS) as picture:
        # Only the beginning was read so far.
        width, height = picture.size
        if max(width, height) > MAX_SIDE or width * height > most_pixels:
            raise ImageRefused(_TOO_MANY_PIXELS)
        side = min(AVATAR_SIDE, *picture.size)
        picture.draft("RGB", (2 * AVATAR_SIDE, 2 * AVATAR_SIDE))  # JPEG: decode less
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        if upright.mode not in ("L", "RGB", "RGBA"):
            upright = upright.convert("RGBA")
        square = ImageOps.fit(upright, (side, side))
    made = BytesIO()
    pixels = Image.new(square.mode, square.size)
    pixels.paste(square)
    pixels.save(made, "WEBP", quality=85)
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
    name = f"avatars/{digest}.webp"
    path = Path(default_storage.path(name))
    try:
        os.utime(path)  # it may lie there unused, and about to be removed
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(picture)
        os.replace(file.name, path)
    return name


def old_files() -> list[str]:
    """The names of files in the folder of avatars that nobody stored for UNUSED_DAYS."""
    folder = Path(default_storage.path("avatars"))
    if not folder.is_dir():
        return []
    files = (entry for entry in folder.iterdir() if entry.is_file())
    return sorted(entry.name for entry in files if _is_old(entry))


def remove_old(name: str) -> bool:
    """Remove one of `old_files`, unless it was stored again since."""
    path = Path(default_storage.path(f"avatars/{name}"))
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
    return time.time() - path.stat().st_mtime > UNUSED_DAYS * 24 * 60 * 60


def as_png(picture: bytes) -> bytes:
    """What `make_avatar` made, for programs that take only PNG."""
    made = BytesIO()
    with Image.open(BytesIO(picture), formats=["WEBP"]) as avatar:
        avatar.save(made, "PNG")
    return made.getvalue()


def read_avatar(name: str) -> bytes | None:
    """The picture of this name (without a folder), None if there is none."""
    if not AVATAR_NAME.fullmatch(name):
        return None
    try:
        return Path(default_storage.path(f"avatars/{name}")).read_bytes()
    except FileNotFoundError:
        return None
