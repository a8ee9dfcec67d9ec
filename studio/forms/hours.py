"""The form of opening hours."""

from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS

from llmconfig.models import Endpoint
from llmqueue.models import ScheduleWindow

_DAYS = [(day + 1, name) for day, name in WEEKDAYS.items()]
_HOURS = [(hour, f"{hour:02}:00") for hour in range(24)]


def _hour(**kwargs: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(choices=_HOURS, coerce=int, **kwargs)


class WindowForm(forms.Form):
    """Whose hours, the days on which they begin, from when, until when."""

    endpoint = forms.ModelChoiceField(
        Endpoint.objects.order_by("position", "pk"),
        required=False,
        empty_label="The whole site",
        label="For",
        help_text="An endpoint with hours of its own goes by those alone.",
    )
    weekdays = forms.TypedMultipleChoiceField(
        choices=_DAYS,
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        label="Opens on",
        error_messages={"required": "Please choose one day or more."},
    )
    start_hour = _hour(label="From", initial=22)
    end_hour = _hour(
        label="Until",
        initial=6,
        help_text="Not after the start: on the next day. 00:00 to 00:00 is a whole day.",
    )

    def __init__(
        self, data: Any = None, *, window: ScheduleWindow | None = None
    ) -> None:
        now = {} if window is None else _values(window)
        super().__init__(data, initial=now)


def _values(window: ScheduleWindow) -> dict[str, Any]:
    return {name: getattr(window, name) for name in WindowForm.base_fields}
