"""Settings > Keys: members' own keys, one for each endpoint that takes them."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from core import encryption
from core.errors import EncryptionOff, NotAllowed, SecretUnreadable
from llmconfig.errors import KeyGone, TrialFailed, TriedTooOften
from llmconfig.forms.keys import OwnKeyForm
from llmconfig.services import own_keys
from llmconfig.services.own_keys import KeySlot


@member_required
def key_list(request: MemberRequest) -> HttpResponse:
    return _list(request)


def _list(request: MemberRequest, *, refusal: str = "") -> HttpResponse:
    context = {
        "slots": own_keys.slots_of(request.user),
        "is_on": encryption.is_on(),
        "refusal": refusal,
    }
    status = 429 if refusal else 200
    return render(request, "llmconfig/key_list.html", context, status=status)


@sensitive_post_parameters("key")
@member_required
def key_edit(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Add a key, or put another in its place: it is tried, and kept if not refused."""
    slot = _find(request, endpoint_id)
    if not slot.is_open:
        raise Http404
    form = OwnKeyForm(sent(request), slot=slot)
    if form.is_valid():
        try:
            said = own_keys.save_key(
                user=request.user, endpoint=slot.endpoint, **form.cleaned_data
            )
        except (EncryptionOff, KeyGone, NotAllowed, TrialFailed) as error:
            form.add_error("key", error.message)
        else:
            text = f"Your key for {slot.endpoint} is saved. {said}"
            messages.success(request, text.strip())
            return redirect("llmconfig:key_list")
    context = {"form": form, "slot": slot}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/key_edit.html", context, status=status)


@require_POST
@member_required
def key_test(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    slot = _find(request, endpoint_id)
    try:
        said = own_keys.test_key(user=request.user, endpoint=slot.endpoint)
    except TriedTooOften as refusal:
        answer = _list(request, refusal=refusal.message)
        answer["Retry-After"] = str(int(refusal.retry_after.total_seconds()) + 1)
        return answer
    except (KeyGone, SecretUnreadable, TrialFailed) as error:
        messages.error(request, f"{slot.endpoint}: {error.message}")
    else:
        messages.success(request, f"{slot.endpoint}: {said}")
    return redirect("llmconfig:key_list")


@member_required
def key_delete(request: MemberRequest, endpoint_id: int) -> HttpResponse:
    """Ask first; a second press finds nothing left to remove."""
    if request.method == "POST":
        slot = own_keys.find_slot(request.user, endpoint_id)
        if slot is None:
            raise Http404
        own_keys.remove_key(user=request.user, endpoint=slot.endpoint)
        messages.success(request, f"Your key for {slot.endpoint} is removed.")
        return redirect("llmconfig:key_list")
    slot = _find(request, endpoint_id)
    if slot.key is None:
        raise Http404
    return render(request, "llmconfig/key_delete.html", {"slot": slot})


def _find(request: MemberRequest, endpoint_id: int) -> KeySlot:
    slot = own_keys.find_slot(request.user, endpoint_id)
    if slot is None:
        raise Http404
    return slot
