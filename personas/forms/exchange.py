"""The file of a persona."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from core import png_text
from core.errors import ForllmError
from core.forms import TokenField
from personas import portable

FILE = "file"
MOST_FILE_BYTES = png_text.MOST_BYTES


class ImportForm(forms.Form):
    """A file, read: `cleaned_data["file"]` is a `portable.Incoming`."""

    file = forms.FileField(
        label="File",
        help_text="JSON of at most 1 MiB, or a PNG of at most 4 MiB.",
        allow_empty_file=True,
        max_length=1_000,
        widget=forms.FileInput(
            attrs={"accept": ".json,.png,application/json,image/png"}
        ),
        error_messages={"required": "Please choose a file."},
    )
    token = TokenField()

    def clean_file(self) -> Any:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > MOST_FILE_BYTES:
            raise forms.ValidationError("This file has more than 4 MiB.")
        try:
            return portable.read(file.read())
        except ForllmError as error:
            raise forms.ValidationError(error.message) from None
