"""Settings > Models > Configs: named models with their parameters."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from accounts.access import MemberRequest, member_required, sent
from accounts.models import User
from llmconfig.errors import (
    ChangedMeanwhile,
    ConfigInUse,
    ConfigNameTaken,
    TooManyConfigs,
    TooManyFavourites,
)
from llmconfig.forms.configs import ConfigForm
from llmconfig.models import Favourite, LLMConfig, LLMConfigQuerySet
from llmconfig.sampling import PARAMETERS
from llmconfig.services import configs, favourites
from llmconfig.uses import uses_of_config


@member_required
def config_list(request: MemberRequest) -> HttpResponse:
    """One's own configs and the site's; nobody else's."""
    found = LLMConfig.objects.usable_by(request.user).select_related("endpoint")
    liked = Favourite.objects.filter(user=request.user, config=OuterRef("pk"))
    rows = found.annotate(is_favourite=Exists(liked)).order_by("name")
    context = {
        "own": [row for row in rows if row.owner_id],
        "site": [row for row in rows if not row.owner_id],
    }
    return render(request, "llmconfig/config_list.html", context)


@member_required
def config_detail(request: MemberRequest, config_id: UUID) -> HttpResponse:
    config = _usable(request, config_id)
    context = {
        "config": config,
        "is_favourite": config.favoured.filter(user=request.user).exists(),
        "may_change": config.may_be_changed_by(request.user),
        "parameters": [
            (it.label, getattr(config, it.name), it.name in config.left_out)
            for it in PARAMETERS
        ],
    }
    return render(request, "llmconfig/config_detail.html", context)


@member_required
def config_create(request: MemberRequest) -> HttpResponse:
    """All of a config on one page; staff may make one for the site."""
    owner = new_owner(request)
    form = ConfigForm(sent(request), owner=owner)
    if form.is_valid():
        try:
            config = configs.create_config(
                owner=owner, actor=request.user, **form.cleaned_data
            )
        except ConfigNameTaken as error:
            form.add_error("name", error.message)
        except TooManyConfigs as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"{config} is saved. {HOW_TO_USE}")
            return redirect(config)
    context = {"form": form, "is_for_site": owner is None}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/config_create.html", context, status=status)


HOW_TO_USE = (
    "Choose it as your default in Settings > Models, for one persona on the persona's"
    " page, or beside Ask once it is a favourite."
)


@member_required
def config_edit(request: MemberRequest, config_id: UUID) -> HttpResponse:
    config = _changeable(request, config_id)
    title = config.name
    form = ConfigForm(sent(request), owner=config.owner, instance=config)
    if form.is_valid():
        try:
            config = configs.change_config(
                config=config, actor=request.user, **form.cleaned_data
            )
        except (ChangedMeanwhile, ConfigNameTaken) as error:
            field = "name" if isinstance(error, ConfigNameTaken) else None
            form.add_error(field, error.message)
        else:
            messages.success(request, f"{config} is saved.")
            return redirect(config)
    context = {"form": form, "config": config, "title": title}
    status = 422 if form.errors else 200
    return render(request, "llmconfig/config_edit.html", context, status=status)


@require_POST
@member_required
def config_clone(request: MemberRequest, config_id: UUID) -> HttpResponse:
    """A copy of one's own."""
    config = _usable(request, config_id)
    user = request.user
    try:
        copy = configs.clone_config(config=config, owner=user, actor=user)
    except TooManyConfigs as error:
        messages.error(request, error.message)
        return redirect("llmconfig:config_list")
    messages.success(request, f"{copy} is yours. Change what you like.")
    return redirect("llmconfig:config_edit", copy.pk)


@member_required
def config_delete(request: MemberRequest, config_id: UUID) -> HttpResponse:
    """What it would take with it, and the yes."""
    config = _changeable(request, config_id)
    uses = uses_of_config(config)
    keeping, status = uses.keeping, 200
    if request.method == "POST":
        try:
            configs.delete_config(config=config, actor=request.user)
        except ConfigInUse as error:
            keeping, status = error.uses, 422
        else:
            messages.success(request, f"{config} is deleted.")
            return redirect("llmconfig:config_list")
    context = {"config": config, "keeping": keeping, "losing": uses.losing}
    return render(request, "llmconfig/config_delete.html", context, status=status)


@require_POST
@member_required
def config_favour(request: MemberRequest, config_id: UUID) -> HttpResponse:
    """Keep it at hand beside *Ask*, or not any more."""
    config = _usable(request, config_id)
    if request.POST.get("keep") == "yes":
        try:
            favourites.keep_favourite(config=config, member=request.user)
        except TooManyFavourites as error:
            messages.error(request, error.message)
        else:
            messages.success(request, f"{config} can be chosen beside Ask now.")
    else:
        favourites.drop_favourite(config=config, member=request.user)
        messages.success(request, f"{config} stands beside Ask no more.")
    return redirect("llmconfig:config_list")


def _usable(request: MemberRequest, config_id: UUID) -> LLMConfig:
    return get_object_or_404(
        _found(LLMConfig.objects.usable_by(request.user)), pk=config_id
    )


def _changeable(request: MemberRequest, config_id: UUID) -> LLMConfig:
    """One's own; the site's for staff. Others' do not exist, the site's are refused."""
    config = _usable(request, config_id)
    if not config.may_be_changed_by(request.user):
        raise PermissionDenied(
            "This model is the site's: only staff change or delete it. You can make a"
            " copy of your own."
        )
    return config


def _found(configs: LLMConfigQuerySet) -> LLMConfigQuerySet:
    return configs.select_related("endpoint", "fallback", "owner")


def new_owner(request: MemberRequest) -> User | None:
    """Whose the new config is: the site's where staff say so."""
    is_for_site = request.user.is_staff and request.GET.get("for") == "site"
    return None if is_for_site else request.user
