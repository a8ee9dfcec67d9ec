"""Files in forms: only where a view wants one, and no more of it than that.

A large one lies in a file without a name until the view is done with it. What is sent to
any other address is passed over.
"""

from collections.abc import Callable, Collection
from tempfile import SpooledTemporaryFile
from typing import Any

from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile

# Each thread that answers pages may have four of them.
_MEMORY_BYTES = 1024 * 1024


def takes_file[View: Callable[..., Any]](
    *, field: str, most: int
) -> Callable[[View], View]:
    """Mark a view whose form has a file in `field`; stands outermost.

    Of a file that is larger than `most` bytes one byte more is kept, so that the form
    can tell.
    """
    return takes_files(fields=(field,), most=most)


def takes_files[View: Callable[..., Any]](
    *, fields: Collection[str], most: int
) -> Callable[[View], View]:
    """The same for a form with a file in each of `fields`."""

    def mark(view: View) -> View:
        view.takes_files = (fields, most)  # type: ignore[attr-defined]
        return view

    return mark


class WantedFiles(FileUploadHandler):
    """Keeps the files that the view of this address takes, and skips every other."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        match = getattr(self.request, "resolver_match", None)
        wanted: tuple[Collection[str], int] = getattr(
            match and match.func, "takes_files", ((), 0)
        )
        fields, self._most = wanted
        if self.field_name not in fields:
            raise SkipFile
        self._kept = SpooledTemporaryFile[bytes](max_size=_MEMORY_BYTES)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        room = self._most + 1 - self._kept.tell()
        self._kept.write(raw_data[: max(room, 0)])

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        size = self._kept.tell()
        self._kept.seek(0)
        return InMemoryUploadedFile(
            self._kept, self.field_name, self.file_name, "", size, None
        )
