"""Pictures beside the text of a post: up to so many, each with what it shows in words."""

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core import signing
from django.forms import BoundField
from django.http import QueryDict
from django.urls import reverse
from django.utils.datastructures import MultiValueDict

from accounts.models import User
from core import images
from core.errors import ImageRefused
from forum.models import MOST_ALT_CHARS, Post, PostImage
from forum.services.images import Attachment

FILE_FIELDS = tuple(f"image-{row}" for row in range(settings.MAX_POST_IMAGES))
# A token for a kept picture is good as long as its file is sure to be there.
KEPT_SECONDS = images.UNUSED_DAYS * 24 * 60 * 60
_SALT = "forum.kept_image"


@dataclass(frozen=True)
class ImageRow:
    """The fields for one picture; `url`: where the one is seen that it has, or blank."""

    number: int
    url: str
    image: BoundField
    alt: BoundField
    kept: BoundField
    drop: BoundField


class ImagesForm(forms.Form):
    """Rows of a file, its description, and what was kept of an earlier sending.

    `post` is the one that is edited: its pictures stand in the rows. A row names what it
    has as `post:12`, a picture of that post, or as a token for one that was kept.
    """

    def __init__(
        self,
        data: QueryDict | None = None,
        files: MultiValueDict[str, Any] | None = None,
        *,
        writer: User | None = None,
        post: Post | None = None,
        auto_id: str = "id_%s",
    ) -> None:
        self._writer = writer
        self._present = {it.pk: it for it in post.images.all()} if post else {}
        self.attachments: dict[int, Attachment] = {}
        initial: dict[str, Any] = {}
        for row, image in enumerate(self._present.values()):
            initial |= {f"kept-{row}": f"post:{image.pk}", f"alt-{row}": image.alt}
        files = None if data is None else files
        super().__init__(data, files, initial=initial, auto_id=auto_id)
        for row, name in enumerate(FILE_FIELDS):
            self.fields |= _fields(row, name)

    @property
    def rows(self) -> list[ImageRow]:
        return [
            ImageRow(
                row + 1,
                self._url(self[f"kept-{row}"].value() or ""),
                *(self[f"{name}-{row}"] for name in ("image", "alt", "kept", "drop")),
            )
            for row in range(settings.MAX_POST_IMAGES)
        ]

    @property
    def is_open(self) -> bool:
        """Whether there is something in it to see."""
        return bool(self.errors) or any(row.url for row in self.rows)

    def clean(self) -> dict[str, Any]:
        for row in range(settings.MAX_POST_IMAGES):
            if not self.cleaned_data.get(f"drop-{row}"):
                self._clean_row(row)
        return self.cleaned_data

    def _clean_row(self, row: int) -> None:
        upload = self.cleaned_data.get(f"image-{row}")
        alt = self.cleaned_data.get(f"alt-{row}", "")
        if upload:
            try:
                picture = images.make_picture(upload.read())
            except ImageRefused as error:
                self.add_error(f"image-{row}", error.message)
            else:
                self.attachments[row] = Attachment(alt=alt, picture=picture)
        elif kept := self.cleaned_data.get(f"kept-{row}"):
            self._take_kept(row, kept, alt)

    def _take_kept(self, row: int, kept: str, alt: str) -> None:
        if image := self._image(kept):
            self.attachments[row] = Attachment(alt=alt, image=image)
        elif found := self._kept_picture(kept):
            name, picture = found
            self.attachments[row] = Attachment(alt=alt, picture=picture, kept=name)
        else:
            self._set(f"kept-{row}", "")
            self.add_error(
                f"image-{row}",
                "This picture is not there any more. Please choose it again.",
            )

    def _image(self, kept: str) -> PostImage | None:
        """The picture of the edited post that a row names so."""
        named = (it for it in self._present.values() if f"post:{it.pk}" == kept)
        return next(named, None)

    def _kept_picture(self, token: str) -> tuple[str, images.Picture] | None:
        if self._writer is None or (found := read_token(token, self._writer)) is None:
            return None
        name, width, height = found
        data = images.read_kept(name, owner=self._writer.pk)
        return None if data is None else (name, images.Picture(data, width, height))

    def keep(self) -> None:
        """Keep what came until the form is sent again: a browser does not send it twice.

        What is to go is let go of.
        """
        if not self.is_bound or self._writer is None:
            return
        self.is_valid()
        for row in range(settings.MAX_POST_IMAGES):
            chosen = self.attachments.get(row)
            if self.cleaned_data.get(f"drop-{row}"):
                for name in ("kept", "alt", "drop"):
                    self._set(f"{name}-{row}", "")
            elif chosen and chosen.picture and not chosen.kept:
                self._set(f"kept-{row}", keep_picture(chosen.picture, self._writer))

    def _set(self, name: str, value: str) -> None:
        values = cast(QueryDict, self.data).copy()
        values[name] = value
        self.data = values

    def _url(self, kept: str) -> str:
        if image := self._image(kept):
            return image.get_absolute_url()
        if self._writer is None or read_token(kept, self._writer) is None:
            return ""
        return reverse("forum:kept_image", args=[kept])


def _fields(row: int, name: str) -> dict[str, forms.Field]:
    number = row + 1
    types = "image/png,image/jpeg,image/webp,image/gif"
    return {
        name: forms.FileField(
            required=False,
            label=f"Picture {number}",
            widget=forms.FileInput(attrs={"accept": types}),
        ),
        f"alt-{row}": forms.CharField(
            required=False,
            max_length=MOST_ALT_CHARS,
            label=f"What picture {number} shows",
        ),
        f"kept-{row}": forms.CharField(
            required=False, widget=forms.HiddenInput(attrs={"autocomplete": "off"})
        ),
        f"drop-{row}": forms.BooleanField(
            required=False, label=f"Take picture {number} out"
        ),
    }


def keep_picture(picture: images.Picture, writer: User) -> str:
    """Keep a picture of a post that is not sent yet; return the token for it."""
    name = images.keep_picture(picture.data, owner=writer.pk)
    said = (writer.pk, name, picture.width, picture.height)
    return signing.dumps(said, salt=_SALT)


def read_token(token: str, writer: User) -> tuple[str, int, int] | None:
    """File, width and height of what this member kept; None if the token is none of theirs."""
    try:
        owner, name, width, height = signing.loads(
            token, salt=_SALT, max_age=KEPT_SECONDS
        )
    except signing.BadSignature:
        return None
    return (name, width, height) if owner == writer.pk else None
