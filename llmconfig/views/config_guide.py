"""The guide to a config: a question a page, and nothing is saved before the yes.

What was answered waits in the member's session.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.access import MemberRequest, member_required
from core.steps import Step
from llmconfig.errors import ConfigNameTaken, TooManyConfigs
from llmconfig.forms.configs import ConfigForm
from llmconfig.guide import FIRST_TEMPERATURE, STEPS
from llmconfig.models import LLMConfig
from llmconfig.services import configs
from llmconfig.views.configs import HOW_TO_USE, new_owner

_ANSWERS = "config_guide"
_LAST = "summary"
# More than any answer may have, so that what is too long is still told to be.
_MOST_KEPT_CHARS = 1_000


@member_required
def config_guide(request: MemberRequest, step: str) -> HttpResponse:
    """Ask for one thing; earlier answers are kept, right or wrong."""
    if step == _LAST:
        return _summary(request)
    page = STEPS.find(step)
    if page is None:
        raise Http404
    answers = _answers(request)
    if request.method == "POST":
        answers |= {
            name: request.POST.get(name, "")[:_MOST_KEPT_CHARS] for name in page.fields
        }
        request.session[_ANSWERS] = answers
        form = _form(request, answers, page)
        if request.POST.get("go") == "back" and (before := STEPS.before(page)):
            return redirect(_address(request, before.key))
        if form.is_valid():
            return redirect(_address(request, _next(page)))
    else:
        was_answered = all(name in answers for name in page.fields)
        form = _form(request, answers if was_answered else None, page)
    return _ask(request, page, form)


def _ask(request: MemberRequest, page: Step, form: ConfigForm) -> HttpResponse:
    context = {
        "form": form,
        "step": page,
        "number": STEPS.index(page) + 1,
        "count": len(STEPS) + 1,
        "has_back": STEPS.before(page) is not None,
        "query": _query(request),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "llmconfig/config_guide.html", context, status=status)


def _summary(request: MemberRequest) -> HttpResponse:
    """All of it once more: yes saves it, no forgets it."""
    answers = _answers(request)
    form = ConfigForm(_whole(answers), owner=new_owner(request))
    if not form.is_valid():
        return _back_to_first_wrong(request, form)
    if request.method == "POST" and request.POST.get("save") == "no":
        del request.session[_ANSWERS]
        messages.info(request, "Nothing was saved.")
        return redirect("llmconfig:config_list")
    if request.method == "POST":
        try:
            config = configs.create_config(
                owner=new_owner(request), actor=request.user, **form.cleaned_data
            )
        except ConfigNameTaken as error:
            messages.error(request, error.message)
            return redirect(_address(request, "name"))
        except TooManyConfigs as error:
            messages.error(request, error.message)
            return redirect("llmconfig:config_list")
        del request.session[_ANSWERS]
        messages.success(request, f"{config} is saved. {HOW_TO_USE}")
        return redirect(config)
    context = {
        "values": form.cleaned_data,
        # What the form's values make of a config, which nobody has saved.
        "left_out": form.instance.left_out,
        "count": len(STEPS) + 1,
        "last": STEPS[-1],
        "query": _query(request),
    }
    return render(request, "llmconfig/config_guide_summary.html", context)


def _back_to_first_wrong(request: MemberRequest, form: ConfigForm) -> HttpResponse:
    """To the first page whose answer is missing or cannot be."""
    wrong = next(
        (step for step in STEPS if any(name in form.errors for name in step.fields)),
        STEPS[0],
    )
    return redirect(_address(request, wrong.key))


def _next(page: Step) -> str:
    after = STEPS.after(page)
    return after.key if after else _LAST


def _answers(request: MemberRequest) -> dict[str, Any]:
    return dict(request.session.get(_ANSWERS, {}))


def _whole(answers: dict[str, Any]) -> dict[str, Any]:
    """The answers with what a config begins with where the guide does not ask."""
    new = LLMConfig(temperature=FIRST_TEMPERATURE)
    fields = ("temperature", "context_posts", "context_tokens")
    return {name: getattr(new, name) for name in fields} | answers


def _form(
    request: MemberRequest, answers: dict[str, Any] | None, page: Step
) -> ConfigForm:
    return ConfigForm(answers, owner=new_owner(request), only=page.fields)


def _query(request: MemberRequest) -> str:
    """What keeps saying whose it will be."""
    return "?for=site" if new_owner(request) is None else ""


def _address(request: MemberRequest, step: str) -> str:
    return reverse("llmconfig:config_guide", args=[step]) + _query(request)
