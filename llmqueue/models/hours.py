"""When calls may begin: the opening hours of the site and of its endpoints."""

from typing import Any, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from llmconfig.models import Endpoint

WEEKDAYS = range(1, 8)  # as ISO counts them: 1 is Monday
_HOURS = 24

# The one home of the rule. A window that begins at 22 on Fridays holds where it is Friday
# 22 hours before, by the clock on the wall, and less than its length after midnight.
# An endpoint's own windows come before the site's, and without any it is always open.
_IN_HOURS = """coalesce((
    SELECT bool_or(extract(isodow FROM began)::int = ANY(weekdays)
        AND extract(hour FROM began) <= (end_hour - start_hour + 23) %% 24)
    FROM queue_schedulewindow CROSS JOIN LATERAL (
        SELECT ({at} AT TIME ZONE {zone}) - make_interval(hours => start_hour)
    ) shifted (began)
    WHERE is_enabled AND (endpoint_id = {endpoint} OR endpoint_id IS NULL)
    GROUP BY endpoint_id ORDER BY endpoint_id NULLS LAST LIMIT 1
), true)"""


def in_hours(endpoint: str, *, at: str = "statement_timestamp()", zone: str) -> str:
    """SQL for whether calls to an endpoint may begin, by its hours or those of the site.

    All are expressions in SQL: the endpoint's id, null for requests whose endpoint is not
    known; the instant; the site's time zone.

    Hours are those of the clock on the wall. In the night in which it is put forward, a
    window has no share in the hour that is left out, and one that is just that hour
    does not open; in the night in which it is put back, the hour that comes twice
    belongs to its windows both times.
    """
    return _IN_HOURS.format(endpoint=endpoint, at=at, zone=zone)


class InHours(Func):
    """The same as an expression: of an endpoint's id or a field, now or `at` an instant."""

    output_field = models.BooleanField()

    def __init__(self, endpoint: Any, *, at: Any = None) -> None:
        zone = Value(settings.TIME_ZONE)
        super().__init__(Now() if at is None else at, zone, endpoint)

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        at, zone, endpoint = map(compiler.compile, self.get_source_expressions())
        sql = in_hours(endpoint[0], at=at[0], zone=zone[0])
        return sql, [*at[1], *zone[1], *endpoint[1]]


class ScheduleWindowQuerySet(models.QuerySet["ScheduleWindow"]):
    """Questions about many windows."""

    def in_order(self) -> Self:
        """The site's first, then by endpoint, as they come in the week."""
        first = F("endpoint__position").asc(nulls_first=True)
        return self.select_related("endpoint").order_by(
            first, "endpoint", "weekdays", "start_hour", "pk"
        )


class ScheduleWindow(models.Model):
    """Hours in which calls may begin, on some days of the week; null: of the whole site.

    `weekdays`: on which it begins. Hours are those of the site's time zone; an end that
    is not after the start is on the next day. 0 to 0 is a whole day; 22 to 0 ends at
    midnight. While no window is enabled it is always open.
    """

    endpoint = models.ForeignKey(
        Endpoint,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="schedule_windows",
    )
    weekdays = ArrayField(models.PositiveSmallIntegerField())
    start_hour = models.PositiveSmallIntegerField()
    end_hour = models.PositiveSmallIntegerField()
    is_enabled = models.BooleanField(default=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    made_at = models.DateTimeField(auto_now_add=True)

    objects = ScheduleWindowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="queue_window_days_of_week",
                condition=Q(weekdays__len__gt=0, weekdays__contained_by=list(WEEKDAYS)),
            ),
            models.CheckConstraint(
                name="queue_window_hours_of_day",
                condition=Q(start_hour__lt=_HOURS, end_hour__lt=_HOURS),
            ),
        ]

    def __str__(self) -> str:
        return f"window {self.start_hour:02}-{self.end_hour:02} on {self.weekdays}"
