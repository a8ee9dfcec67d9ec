"""Settings > Usage: a member's own use, and for staff that of the whole site."""

from typing import Any

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
    report = usage.report(
        DailyUsage.objects.of(request.user),
        usage.OWN_TABLES,
        days=_days(request),
        by=_measure(request),
        labels=usage.labels_for(request.user, is_own=True),
    )
    context = _context(report)
    return render(request, "studio/usage_own.html", context)


@require_safe
@staff_required
def usage_site(request: MemberRequest) -> HttpResponse:
    report = usage.report(
        DailyUsage.objects.all(),
        usage.SITE_TABLES,
        days=_days(request),
        by=_measure(request),
        labels=usage.labels_for(request.user, is_own=False),
    )
    context = _context(report)
    return render(request, "studio/usage_site.html", context)


@require_safe
@member_required
def usage_own_download(request: MemberRequest, table: str) -> StreamingHttpResponse:
    if table not in usage.OWN_TABLES:
        raise Http404
    return _download(
        request,
        DailyUsage.objects.of(request.user),
        table,
        usage.labels_for(request.user, is_own=True),
    )


@require_safe
@staff_required
def usage_site_download(request: MemberRequest, table: str) -> StreamingHttpResponse:
    if table not in usage.SITE_TABLES:
        raise Http404
    return _download(
        request,
        DailyUsage.objects.all(),
        table,
        usage.labels_for(request.user, is_own=False),
    )


def _download(
    request: MemberRequest,
    rows: DailyUsageQuerySet,
    table: str,
    labels: usage.Labels,
) -> StreamingHttpResponse:
    """The table of the period as a file; streamed, however long it is."""
    in_period = rows.since(usage.first_day(_days(request)))
    lines = usage.as_csv(in_period, table, labels=labels)
    name = f"usage-by-{table}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _context(report: usage.Report) -> dict[str, Any]:
    return {"report": report, "periods": usage.PERIODS, "measures": usage.MEASURES}


def _measure(request: MemberRequest) -> Measure:
    """What the address asks charts to show; what is none of those offered is calls."""
    wanted = request.GET.get("show", "")
    return next((it for it in usage.MEASURES if it == wanted), "calls")


def _days(request: MemberRequest) -> int:
    """The period in the address; what is none of those offered is the usual one."""
    wanted = request.GET.get("days", "")
    return next((it for it in usage.PERIODS if str(it) == wanted), usage.DEFAULT_PERIOD)
