"""Configs: the site's and members' own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from accounts.models import User
from accounts.services import record
from core.errors import NotAllowed
from core.markup import MOST_NAME_CHARS
from llmconfig.errors import (
    ChangedMeanwhile,
    ConfigInUse,
    ConfigNameTaken,
    EndpointOff,
    TooManyConfigs,
)
from llmconfig.intents import COMPAT
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.models.configs import SETTINGS
from llmconfig.services.profiles import fill_profile, move_compat
from llmconfig.uses import uses_of_config

# Of one member's own: every choice of a model lists them all.
MOST_CONFIGS = 100


def create_config(*, owner: User | None, actor: User, **values: Any) -> LLMConfig:
    """A new config of `owner`, None: of the site, which staff alone may make.

    `values`: fields of SETTINGS. Raises NotAllowed, ConfigNameTaken or TooManyConfigs.
    """
    config = LLMConfig(owner=owner, is_global=owner is None, created_by=actor, **values)
    _check_rights(config, actor)
    with _name_taken_once():
        _check_room(owner)
        config.save()
        _record(config, "created", actor=actor)
    return config


def change_config(*, config: LLMConfig, actor: User, **values: Any) -> LLMConfig:
    """Save what differs; the next claim uses it. Raises as `create_config`."""
    with _name_taken_once():
        current = LLMConfig.objects.select_for_update().filter(pk=config.pk).first()
        if current is None:
            raise ChangedMeanwhile(
                f"{config} was deleted meanwhile, so nothing was saved."
            )
        _check_rights(current, actor)
        edited = {
            name: (getattr(current, name), value)
            for name, value in values.items()
            if getattr(current, name) != value
        }
        for name, (_, value) in edited.items():
            setattr(current, name, value)
        if edited:
            current.save(update_fields=edited)
            _record(
                current,
                "changed",
                actor=actor,
                before={name: _plain(old) for name, (old, _) in edited.items()},
                after={name: _plain(new) for name, (_, new) in edited.items()},
            )
    return current


@transaction.atomic
def clone_config(*, config: LLMConfig, owner: User | None, actor: User) -> LLMConfig:
    """A copy of `config` for `owner` under the first name that is free.

    Raises as `create_config`.
    """
    _check_room(owner)  # who copies at the same time waits, and then takes another name
    values = {name: getattr(config, name) for name in SETTINGS}
    taken = set(
        LLMConfig.objects.filter(owner=owner).values_list("name", flat=True).all()
    )
    values["name"] = _copy_name(config.name, {name.lower() for name in taken})
    if owner is not None and not _may_be_followed(config.fallback, owner):
        values["fallback"] = None
    return create_config(owner=owner, actor=actor, **values)


def delete_config(*, config: LLMConfig, actor: User) -> None:
    """Delete `config` unless something needs it; whoever only liked it goes without.

    What it answered stays on record under its name. Raises ConfigInUse or NotAllowed.
    """
    with transaction.atomic():
        current = LLMConfig.objects.select_for_update().filter(pk=config.pk).first()
        if current is None:
            return
        _check_rights(current, actor)
        uses = uses_of_config(current)
        if uses.keeping:
            raise ConfigInUse(uses.keeping)
        _record(current, "deleted", actor=actor, lost_by=uses.losing)
        move_compat(going=LLMConfig.objects.filter(pk=current.pk))
        current.delete()


def _check_rights(config: LLMConfig, actor: User) -> None:
    if not config.may_be_changed_by(actor):
        raise NotAllowed


def _check_room(owner: User | None) -> None:
    """Raise TooManyConfigs if `owner` may have no more; they make one at a time."""
    if owner is None:
        return
    list(User.objects.select_for_update(no_key=True).filter(pk=owner.pk))
    if LLMConfig.objects.own(owner).count() >= MOST_CONFIGS:
        raise TooManyConfigs


def _may_be_followed(fallback: LLMConfig | None, owner: User) -> bool:
    return fallback is None or fallback.owner_id in (None, owner.pk)


def _copy_name(name: str, taken: set[str]) -> str:
    """`name` with "copy" behind it, and the first number that makes it a new one."""
    for number in range(1, len(taken) + 2):
        ending = " copy" if number == 1 else f" copy {number}"
        copied = name[: MOST_NAME_CHARS - len(ending)] + ending
        if copied.lower() not in taken:
            break
    return copied


def _plain(value: Any) -> Any:
    return value if isinstance(value, int | float | str | None) else str(value)


def _record(config: LLMConfig, verb: str, *, actor: User, **detail: object) -> None:
    record(
        actor=actor,
        action=f"llmconfig {verb}",
        subject=("llmconfig", config.pk),
        name=config.name,
        model=config.model,
        is_global=config.is_global,
        **detail,
    )


@contextmanager
def _name_taken_once() -> Iterator[None]:
    """A transaction that ends in ConfigNameTaken where two take one name."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise ConfigNameTaken from None
        raise


@transaction.atomic
def set_default_config(*, config: LLMConfig, actor: User | None) -> None:
    """Make `config`, one of the site's, what answers where nothing else was chosen.

    Raises EndpointOff if its endpoint is switched off, ChangedMeanwhile if it is not
    there any more, having written nothing.
    """
    # All are locked, in one order: two at once end with one default, not an error.
    ours = list(LLMConfig.objects.of_site().order_by("pk").select_for_update())
    if config not in ours:
        raise ChangedMeanwhile(
            f"{config} is not one of the site's models any more; the default stays."
        )
    if not Endpoint.objects.in_order().filter(pk=config.endpoint_id).exists():
        raise EndpointOff(
            f"{config} cannot be the default: {config.endpoint} is switched off."
        )
    if config.pk in {other.pk for other in ours if other.is_default}:
        return
    for other in ours:
        if other.is_default:
            LLMConfig.objects.filter(pk=other.pk).update(is_default=False)
    LLMConfig.objects.filter(pk=config.pk).update(is_default=True)
    # The first default: what the site began with stays there for whoever relies on it.
    fill_profile(key=COMPAT, config=config)
    record(
        actor=actor,
        action="llmconfig made_default",
        subject=("llmconfig", config.pk),
        name=config.name,
    )
