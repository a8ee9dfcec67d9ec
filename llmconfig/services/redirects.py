"""Redirects: *answer with that instead of this*, for the whole site, until undone."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from psycopg.errors import UniqueViolation

from accounts.models import User
from accounts.services import record
from llmconfig.errors import ChangedMeanwhile, EndpointOff, RedirectRefused
from llmconfig.models import Endpoint, LLMConfig, Redirect


@transaction.atomic
def make_redirect(
    *, endpoint: Endpoint, model: str, to: LLMConfig, reason: str, actor: User
) -> Redirect:
    """Let `to`, one of the site's configs, answer instead of `model` at `endpoint`.

    `model` blank: every model there. It holds for what is resolved from now on, requests
    that wait among it. Raises RedirectRefused if there is one already or it would lead
    back, EndpointOff, or ChangedMeanwhile if something of it is gone; then nothing is
    written.
    """
    active = _held()
    endpoint, to = _as_of_now(endpoint, to)
    wanted = Redirect(
        endpoint=endpoint, model=model, to=to, reason=reason, made_by=actor
    )
    _check(wanted, to, active)
    _save(wanted)
    _record(wanted, actor, before=None, after=to.name)
    return wanted


def check_redirect(*, endpoint: Endpoint, model: str, to: LLMConfig) -> None:
    """Raise what `make_redirect` would raise as things stand; writes nothing."""
    wanted = Redirect(endpoint=endpoint, model=model, to=to)
    _check(wanted, to, list(Redirect.objects.active().with_targets()))


@transaction.atomic
def undo_redirect(*, redirect: Redirect, actor: User) -> bool:
    """Let what it stood for answer again; False if somebody has undone it already."""
    standing = Redirect.objects.active().filter(pk=redirect.pk)
    is_mine = standing.update(undone_at=Now(), undone_by=actor) == 1
    if is_mine:
        to = redirect.to
        _record(redirect, actor, before=to.name if to else None, after=None)
    return is_mine


def leads_back(wanted: Redirect, active: Iterable[Redirect]) -> bool:
    """Whether what `wanted` leads to would itself be answered by `wanted`."""
    ways = {_source(it): it for it in (*active, wanted)}
    at, seen = wanted.to, set[tuple[int, str]]()
    while at is not None:
        way = ways.get((at.endpoint_id, at.model.lower()))
        way = way or ways.get((at.endpoint_id, ""))
        if way is wanted:
            return True
        if way is None or _source(way) in seen:
            return False
        seen.add(_source(way))
        at = way.to
    return False


def _held() -> list[Redirect]:
    """The active ones; whoever else makes one waits, so that two make no circle."""
    list(Endpoint.objects.order_by("pk").select_for_update(no_key=True))
    return list(Redirect.objects.active().with_targets())


def _as_of_now(endpoint: Endpoint, to: LLMConfig) -> tuple[Endpoint, LLMConfig]:
    configs = LLMConfig.objects.of_site().select_related("endpoint")
    # Held, so that nobody deletes what is just being led to.
    config = configs.select_for_update(of=("self",)).filter(pk=to.pk).first()
    here = Endpoint.objects.filter(pk=endpoint.pk).first()
    if config is None or here is None:
        raise ChangedMeanwhile(
            "One of the two was deleted meanwhile, so nothing was redirected."
        )
    return here, config


def _check(wanted: Redirect, to: LLMConfig, active: list[Redirect]) -> None:
    if not to.endpoint.is_enabled:
        raise EndpointOff(f"{to} cannot answer: {to.endpoint} is switched off.")
    same = next((it for it in active if _source(it) == _source(wanted)), None)
    if same is not None:
        raise RedirectRefused(
            f"{same.to} answers instead of {same.source} already. Undo that first."
        )
    if leads_back(wanted, active):
        raise RedirectRefused(
            f"{to} would be answered by {wanted.source} again, so nobody would"
            " answer. Choose another, or only one model."
        )


def _save(wanted: Redirect) -> None:
    """Save it, unless its model differs from another's only as the database sees it."""
    try:
        with transaction.atomic():
            wanted.save()
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise RedirectRefused(
            f"There is a redirect of {wanted.source} already. Undo that first."
        ) from None


def _source(redirect: Redirect) -> tuple[int, str]:
    return redirect.endpoint_id, redirect.model.lower()


def _record(
    redirect: Redirect, actor: User, *, before: str | None, after: str | None
) -> None:
    """Its reason is kept with it; the record of changes holds nothing people wrote."""
    record(
        actor=actor,
        action=f"redirect {'made' if after else 'undone'}",
        subject=("redirect", redirect.pk),
        endpoint=redirect.endpoint.name,
        model=redirect.model,
        before=before,
        after=after,
    )
