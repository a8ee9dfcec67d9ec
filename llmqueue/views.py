"""The queue in plain sight: every request, and what became of each."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from accounts.access import (
    MemberRequest,
    member_required,
    staff_required,
    viewer_of,
)
from accounts.models import User
from core import rates
from core.errors import ForllmError
from core.pieces import is_piece, vary_on_piece
from llmconfig.models import Redirect
from llmqueue import services
from llmqueue.answers.rules import rule_words
from llmqueue.forms import HistoryForm
from llmqueue.hours import OpeningHours
from llmqueue.live import streams
from llmqueue.models import LLMAttempt, LLMRequest, Status
from llmqueue.pages import history
from llmqueue.pages.first_words import first_words
from llmqueue.pages.known_names import KnownNames
from llmqueue.pages.receipt_views import attempt_view, receipt_view
from llmqueue.pages.standing import standing_for
from llmqueue.prompting import stored_prompts
from llmqueue.prompting.stored_prompts import PartView
from personas.models import PersonaVersion

# What a token for the stream of the queue's first page is bound to.
LIST_SCOPE = "queue"


def request_list(request: HttpRequest) -> HttpResponse:
    viewer, before = viewer_of(request), _cursor(request)
    form = HistoryForm(request.GET, viewer=viewer)
    standing = standing_for(viewer)
    context: dict[str, Any] = {"form": form, "standing": standing}
    if standing.has_redirects:
        context["redirects"] = Redirect.objects.active().with_targets()
    if form.is_valid():
        filters = history.Filters(**form.cleaned_data)
        page = history.history_page(viewer=viewer, filters=filters, before=before)
        context["page"] = page
        context["filters"] = filters
        context["query"] = _without(request, "before")
        context["is_later"] = before is not None
        if page.has_open:
            context["stream_url"] = _stream_url(request, LIST_SCOPE)
    status = 200 if form.is_valid() else 422
    template = "llmqueue/request_list.html" + ("#live" if is_piece(request) else "")
    return vary_on_piece(render(request, template, context, status=status))


def request_detail(request: HttpRequest, request_id: str) -> HttpResponse:
    """The receipt, every attempt, and the prompt as far as the reader may read it."""
    found = _find(request, request_id)
    if not is_piece(request):
        context = _context(request, found) | _prompt_context(request, found)
        page = render(request, "llmqueue/request_detail.html", context)
    elif found.is_open:
        context = _context(request, found)
        page = render(request, "llmqueue/request_detail.html#live", context)
    else:
        # It has just ended: its prompt and when it ended stand outside of the piece.
        page = HttpResponseClientRefresh()
    return vary_on_piece(page)


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
    place = found.place_key if found.place_kind == "subforum" else None
    rates.take(request, asks=request.user.pk, subforum_asks=place)
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
        context |= _of_parts(
            stored_prompts.reveal_prompt(found.last_attempt, staff=request.user)
        )
    return render(request, "llmqueue/request_detail.html", context)


def _refused(
    request: HttpRequest, found: LLMRequest, error: ForllmError
) -> HttpResponse:
    context = _context(request, found) | _prompt_context(request, found)
    context["error"] = error.message
    return render(request, "llmqueue/request_detail.html", context, status=422)


def _context(request: HttpRequest, found: LLMRequest) -> dict[str, Any]:
    """All but the prompt, which may be long and is in no piece."""
    attempts = list(found.attempts.order_by("number").defer("answer"))
    viewer = viewer_of(request)
    [entry] = history.describe([found], viewer)
    names = KnownNames([found], viewer, earlier=attempts)
    receipts = {it.pk: names.receipt(found, it.receipt) for it in attempts}
    last = next((it for it in attempts if it.pk == found.last_attempt_id), None)
    may_act = found.may_be_managed_by(viewer)
    return {
        "found": found,
        "entry": entry,
        "attempts": [
            attempt_view(attempt, viewer, receipts[attempt.pk]) for attempt in attempts
        ],
        "receipt": receipt_view(found, last, viewer, receipts[last.pk])
        if last
        else None,
        "opening": OpeningHours().opening_of(found.lane.endpoint_id)
        if found.status == Status.PENDING
        else "",
        "first_words": first_words(found, names),
        "rule": rule_words(found.error_class) if found.has_no_answer else "",
        "version": _version_page(last, viewer),
        "stream_url": _stream_url(request, str(found.public_id))
        if found.is_open
        else "",
        "is_own_key_trouble": found.is_own_key_trouble_of(viewer),
        "can_cancel": may_act and found.is_open,
        "can_retry": may_act and services.can_be_retried(found),
    }


def _prompt_context(request: HttpRequest, found: LLMRequest) -> dict[str, Any]:
    last, viewer = found.last_attempt, viewer_of(request)
    # The last words of a prompt name the persona.
    if last is None or not KnownNames([found], viewer).knows_answerer(found):
        return _of_parts([])
    return _of_parts(stored_prompts.prompt_of(last, viewer=viewer))


def _of_parts(parts: list[PartView]) -> dict[str, Any]:
    return {
        "prompt": parts,
        "prompt_tokens": sum(part.tokens for part in parts),
        "has_hidden": any(part.is_hidden for part in parts),
    }


def _version_page(
    attempt: LLMAttempt | None, viewer: User | None
) -> PersonaVersion | None:
    """The version that was asked, if the viewer may open its page."""
    if attempt is None or attempt.persona_version_id is None:
        return None
    versions = PersonaVersion.objects.visible_to(viewer).select_related("persona")
    return versions.filter(pk=attempt.persona_version_id).first()


def _find(request: HttpRequest, request_id: str) -> LLMRequest:
    viewer = viewer_of(request)
    visible = history.visible_to(viewer).select_related("retry_of")
    rows = history.with_answers(visible, viewer)
    return get_object_or_404(rows, public_id=request_id)


@require_GET
async def list_stream(request: HttpRequest) -> HttpResponseBase:
    """Server-sent events: which of the newest open requests changed; on the event loop."""
    return streams.answer(
        request, LIST_SCOPE, history.open_leases, find_heard=streams.no_words
    )


@require_GET
async def request_stream(
    request: HttpRequest, request_id: uuid.UUID
) -> HttpResponseBase:
    """Server-sent events: that one request changed; on the event loop."""

    def find(reader: object) -> streams.Leases | None:
        return history.lease_of(request_id, reader)

    return streams.answer(request, str(request_id), find, find_heard=streams.no_words)


def _stream_url(request: HttpRequest, scope: str) -> str:
    name = "list_stream" if scope == LIST_SCOPE else "request_stream"
    args = [] if scope == LIST_SCOPE else [scope]
    return streams.url_for(request, scope, reverse(f"llmqueue:{name}", args=args))


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
