"""How a JPEG has to be read: row by row, or whole in memory before its first row is there.

A decoder gathers the coefficients of a progressive photo, and of one whose colours come
one after the other, in memory: up to six bytes a pixel. Any other is read row by row.
"""

import struct
from dataclasses import dataclass

_SOS = 0xDA
# Baseline and extended sequential; all other frames are progressive, or hardly read.
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset((0x00, 0x01, *range(0xD0, 0xDA)))


@dataclass(frozen=True)
class Frame:
    """What the head of a JPEG says: width and height, and how it can be read."""

    size: tuple[int, int]
    is_row_by_row: bool


def find(data: bytes) -> Frame | None:
    """The frame of a JPEG; None: none, or its head is not as strict readers want it."""
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        return _read(data)
    except (IndexError, struct.error):
        return None


def _read(data: bytes) -> Frame | None:
    at, frame = 2, None
    while True:
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a filling byte
            at += 1
            continue
        if marker in _WITHOUT_LENGTH:
            return None
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _FRAMES:
            if frame is not None:
                return None
            height, width, parts = struct.unpack_from(">HHB", data, at + 5)
            frame = (marker in _SEQUENTIAL, (width, height), parts)
        elif marker == _SOS:
            if frame is None:
                return None
            is_sequential, size, parts = frame
            # All colours in one pass: the first is then the only one.
            return Frame(size, is_sequential and data[at + 4] == parts)
        at += 2 + length
