"""Pictures as tests send them."""

from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def drawn(
    colour: str = "red", size: tuple[int, int] = (40, 30), kind: str = "PNG"
) -> bytes:
    """The file of a picture of one colour."""
    made = BytesIO()
    Image.new("RGB", size, colour).save(made, kind)
    return made.getvalue()


def upload(colour: str = "red", size: tuple[int, int] = (40, 30)) -> SimpleUploadedFile:
    """The same as a form sends it."""
    return SimpleUploadedFile("x.png", drawn(colour, size), content_type="image/png")


def looked_at(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))
