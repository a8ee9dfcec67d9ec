"""The queue in plain sight: every request, and what became of each."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import (
    MemberRequest,
    member_required,
    staff_required,
    viewer_of,
)
from core.errors import ForllmError
from core.pieces import is_piece, vary_on_piece
from llmqueue import history, services, stored_prompts, streams
from llmqueue.forms import HistoryForm
from llmqueue.models import LLMRequest
from llmqueue.receipt_views import attempt_view, receipt_view

# What a token for the stream of the queue's first page is bound to.
LIST_SCOPE = "queue"


def request_list(request: HttpRequest) -> HttpResponse:
    viewer, before = viewer_of(request), _cursor(request)
    form = HistoryForm(request.GET, viewer=viewer)
    context: dict[str, Any] = {"form": form, "standing": history.standing()}
    if form.is_valid():
        filters = history.Filters(**form.cleaned_data)
        context["page"] = history.history_page(
            viewer=viewer, filters=filters, before=before
        )
        context["filters"] = filters
        context["query"] = _without(request, "before")
        context["is_later"] = before is not None
        context["stream_url"] = _stream_url(request, LIST_SCOPE)
    status = 200 if form.is_valid() else 422
    template = "llmqueue/request_list.html" + _piece(request)
    return vary_on_piece(render(request, template, context, status=status))


def request_detail(request: HttpRequest, request_id: str) -> HttpResponse:
    """The receipt, every attempt, and the prompt as far as the reader may read it."""
    found = _find(request, request_id)
    template = "llmqueue/request_detail.html" + _piece(request)
    return vary_on_piece(render(request, template, _context(request, found)))


@require_POST
@member_required
def request_cancel(request: MemberRequest, request_id: str) -> HttpResponse:
    found = _find(request, request_id)
    try:
        services.cancel_by(request=found, member=request.user)
    except ForllmError as error:
        return _refused(request, found, error)
    return redirect(found)


@require_POST
@member_required
def request_retry(request: MemberRequest, request_id: str) -> HttpResponse:
    """Ask again; a second press leads to the same new request."""
    found = _find(request, request_id)
    try:
        again = services.retry(request=found, member=request.user)
    except ForllmError as error:
        return _refused(request, found, error)
    return redirect(again)


@require_POST
@staff_required
def prompt_detail(request: MemberRequest, request_id: str) -> HttpResponse:
    """The whole prompt for staff; that they looked is recorded, therefore by POST."""
    found = _find(request, request_id)
    context = _context(request, found)
    if found.last_attempt is not None:
        context["prompt"] = stored_prompts.reveal_prompt(
            found.last_attempt, staff=request.user
        )
    return render(
        request, "llmqueue/request_detail.html", context | {"is_revealed": True}
    )


def _refused(
    request: HttpRequest, found: LLMRequest, error: ForllmError
) -> HttpResponse:
    context = _context(request, found) | {"error": error.message}
    return render(request, "llmqueue/request_detail.html", context, status=422)


def _context(request: HttpRequest, found: LLMRequest) -> dict[str, Any]:
    viewer = viewer_of(request)
    attempts = list(found.attempts.order_by("number"))
    last = attempts[-1] if attempts else None
    prompt = stored_prompts.prompt_of(last, viewer=viewer) if last else []
    [entry] = history.describe([found])
    may_act = found.may_be_managed_by(viewer)
    return {
        "found": found,
        "entry": entry,
        "attempts": [attempt_view(found, it) for it in attempts],
        "receipt": receipt_view(found, last) if last else None,
        "prompt": prompt,
        "prompt_tokens": sum(part.tokens for part in prompt),
        "has_hidden": any(part.text is None for part in prompt),
        "stream_url": _stream_url(request, str(found.public_id))
        if found.is_open
        else "",
        "can_cancel": may_act and found.is_open,
        "can_retry": may_act and found.may_be_retried,
    }


def _find(request: HttpRequest, request_id: str) -> LLMRequest:
    visible = history.visible_to(viewer_of(request)).select_related("retry_of")
    return get_object_or_404(history.with_answers(visible), public_id=request_id)


@require_GET
async def list_stream(request: HttpRequest) -> HttpResponseBase:
    """Server-sent events of the newest open requests; on the event loop."""
    return streams.answer(request, LIST_SCOPE, history.open_leases)


@require_GET
async def request_stream(
    request: HttpRequest, request_id: uuid.UUID
) -> HttpResponseBase:
    """Server-sent events of one request; on the event loop."""

    def find(reader: object) -> streams.Leases | None:
        return history.lease_of(request_id, reader)

    return streams.answer(request, str(request_id), find)


def _stream_url(request: HttpRequest, scope: str) -> str:
    name = "list_stream" if scope == LIST_SCOPE else "request_stream"
    args = [] if scope == LIST_SCOPE else [scope]
    token = streams.token_for(request, scope)
    return f"{reverse(f'llmqueue:{name}', args=args)}?token={token}"


def _piece(request: HttpRequest) -> str:
    return "#live" if is_piece(request) else ""


def _cursor(request: HttpRequest) -> uuid.UUID | None:
    """After which request the page begins. Raises Http404 for what we cannot have made."""
    text = request.GET.get("before", "")
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise Http404 from None


def _without(request: HttpRequest, name: str) -> str:
    """The query string without one of its values, to be gone on with."""
    query = request.GET.copy()
    query.pop(name, None)
    return query.urlencode()
