"""Texts in PNG files: read and written chunk by chunk, without looking at the picture.

A file is a signature and chunks of length, type, content and CRC-32 (PNG specification,
section 5). Nothing is unpacked here: compressed texts are refused.
"""

import struct
import zlib
from collections.abc import Container, Iterable, Iterator

from core.errors import ForllmError

MOST_BYTES = 4 * 1024 * 1024
_MOST_CHUNKS = 10_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COMPRESSED = (b"zTXt", b"iTXt")


class PngRefused(ForllmError):
    """The file is no whole PNG, or holds its text in a way that is not read."""


def is_png(data: bytes) -> bool:
    return data.startswith(_SIGNATURE)


def read_texts(data: bytes, keywords: tuple[str, ...]) -> dict[str, bytes]:
    """The contents of the tEXt chunks with these keywords; raises PngRefused."""
    found: dict[str, bytes] = {}
    for kind, content in _chunks(data):
        keyword, _, text = content.partition(b"\0")
        name = keyword.decode("latin-1")
        if name not in keywords:
            continue
        if kind in _COMPRESSED:
            raise PngRefused(
                f"The text {name} in this picture is packed; it is not read."
            )
        if kind != b"tEXt":
            continue
        if name in found:
            raise PngRefused(f"This picture holds the text {name} twice.")
        found[name] = text
    return found


def with_only(data: bytes, kinds: Container[bytes]) -> bytes:
    """The picture with chunks of these types alone; raises PngRefused."""
    return _png([chunk for chunk in _chunks(data) if chunk[0] in kinds])


def with_texts(data: bytes, texts: dict[str, bytes]) -> bytes:
    """The picture with these tEXt chunks before its end, instead of all texts it had."""
    kept = [
        (kind, content)
        for kind, content in _chunks(data)
        if kind not in (b"tEXt", *_COMPRESSED)
    ]
    added = [
        (b"tEXt", name.encode("latin-1") + b"\0" + text) for name, text in texts.items()
    ]
    return _png([*kept[:-1], *added, kept[-1]])


def plain_picture(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + bytes(colour) * width) * height
    return _png([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def _png(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    return _SIGNATURE + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each chunk to the end mark; what follows that is left out."""
    if len(data) > MOST_BYTES:
        raise PngRefused("This picture has more than 4 MiB.")
    if not is_png(data):
        raise PngRefused("This is not a PNG.")
    place = len(_SIGNATURE)
    for number in range(_MOST_CHUNKS):
        if place + 12 > len(data):
            raise PngRefused("This picture ends too early.")
        length, kind = struct.unpack_from(">I4s", data, place)
        if place + 12 + length > len(data):
            raise PngRefused("This picture ends too early.")
        if (kind == b"IHDR") != (number == 0):
            raise PngRefused("This picture does not begin as a PNG does.")
        content = data[place + 8 : place + 8 + length]
        (crc,) = struct.unpack_from(">I", data, place + 8 + length)
        if crc != zlib.crc32(content, zlib.crc32(kind)):
            raise PngRefused("This picture is damaged: a checksum does not fit.")
        yield kind, content
        if kind == b"IEND":
            return
        place += 12 + length
    raise PngRefused("This picture has too many parts.")
