"""Messages with their pictures, read where they are stored just before the call."""

from collections.abc import Iterable

from core import images
from llmconfig.client import Image
from llmqueue.prompting.prompts import File, Message

# The picture went with its post while the request was on its way.
_GONE = "[This picture was taken away.]"


def sendable(messages: Iterable[Message]) -> list[Message]:
    """`messages` with an Image where each File stands.

    Takes some tenths of a second for each, so no lock may be held.
    """
    return [it | {"content": _with_images(it["content"])} for it in messages]


def _with_images(content: str | list[str | File]) -> str | list[str | Image]:
    if isinstance(content, str):
        return content
    return [it if isinstance(it, str) else _image(it) for it in content]


def _image(file: File) -> str | Image:
    jpeg = images.for_model(file.name)
    return _GONE if jpeg is None else Image(jpeg)
