"""Settings > Usage: a member's own use, and for staff that of the whole site."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import MemberRequest, member_required, staff_required
from llmqueue.models import DailyUsage, DailyUsageQuerySet
from llmqueue.usage.sums import Measure
from studio import usage


@require_safe
@member_required
def usage_own(request: MemberRequest) -> HttpResponse:
    return _report(request, "studio/usage_own.html", _of_own(request))


@require_safe
@staff_required
def usage_site(request: MemberRequest) -> HttpResponse:
    return _report(request, "studio/usage_site.html", _of_site(request))


@require_safe
@member_required
def usage_own_download(request: MemberRequest, table: str) -> StreamingHttpResponse:
    return _download(request, table, _of_own(request))


@require_safe
@staff_required
def usage_site_download(request: MemberRequest, table: str) -> StreamingHttpResponse:
    return _download(request, table, _of_site(request))


@dataclass(frozen=True)
class _Use:
    """Whose use a page shows, in which tables, and what their rows are called."""

    rows: DailyUsageQuerySet
    tables: tuple[str, ...]
    labels: usage.Labels


def _of_own(request: MemberRequest) -> _Use:
    labels = usage.labels_for(request.user, is_own=True)
    return _Use(DailyUsage.objects.of(request.user), usage.OWN_TABLES, labels)


def _of_site(request: MemberRequest) -> _Use:
    labels = usage.labels_for(request.user, is_own=False)
    return _Use(DailyUsage.objects.all(), usage.SITE_TABLES, labels)


def _report(request: MemberRequest, template: str, use: _Use) -> HttpResponse:
    report = usage.report(
        use.rows,
        use.tables,
        days=_days(request),
        by=_measure(request),
        labels=use.labels,
    )
    context = {"report": report, "periods": usage.PERIODS, "measures": usage.MEASURES}
    return render(request, template, context)


def _download(request: MemberRequest, table: str, use: _Use) -> StreamingHttpResponse:
    """The table of the period as a file; streamed, however long it is."""
    if table not in use.tables:
        raise Http404
    in_period = use.rows.since(usage.first_day(_days(request)))
    lines = usage.as_csv(in_period, table, labels=use.labels)
    name = f"usage-by-{table}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _measure(request: MemberRequest) -> Measure:
    """What the address asks charts to show; what is none of those offered is calls."""
    wanted = request.GET.get("show", "")
    return next((it for it in usage.MEASURES if it == wanted), "calls")


def _days(request: MemberRequest) -> int:
    """The period in the address; what is none of those offered is the usual one."""
    wanted = request.GET.get("days", "")
    return next((it for it in usage.PERIODS if str(it) == wanted), usage.DEFAULT_PERIOD)
