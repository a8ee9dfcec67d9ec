"""Endpoints: connected, changed, tried, switched and deleted."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta

from django.db import IntegrityError, transaction
from psycopg.errors import UniqueViolation

from accounts.models import User
from accounts.services import record
from llmconfig.addresses import check_address, host_and_port
from llmconfig.errors import ChangedMeanwhile, EndpointInUse, TrialFailed
from llmconfig.intents import CHEAP
from llmconfig.models import Endpoint, LLMConfig
from llmconfig.new_keys import tell_new_key
from llmconfig.providers import PROVIDERS
from llmconfig.services.configs import set_default_config
from llmconfig.services.keys import call_secrets, encrypt_site_key
from llmconfig.services.listed import keep_models, list_of
from llmconfig.services.profiles import fill_profile, move_compat
from llmconfig.trial import TrialResult, try_endpoint
from llmconfig.uses import uses_of

UNTRIED = "It was not tried."
DEMO_NAME = "Demo model"
DEMO_MODEL = "smollm2"
# What a trial is about; it says nothing of an endpoint in which one of these has changed.
_TRIED_FIELDS = ("api_base", "site_key", "default_model")
# What a change may touch, the key apart.
_CHANGEABLE = (
    "name",
    "api_base",
    "default_model",
    "max_in_flight",
    "call_deadline",
    "open_to",
    "takes_own_keys",
)


def connect_endpoint(
    *,
    provider: str,
    api_base: str,
    key: str,
    model: str,
    is_default: bool,
    actor: User | None,
    is_tried: bool = True,
) -> tuple[Endpoint, str]:
    """Save an endpoint with a config for `model`, after a trial unless not wanted.

    Here and below `actor` is who does it, for the record of changes; None: a command.
    `api_base` blank: the provider's own. What was not tried takes no other default's
    place. Returns the endpoint and what the trial showed. Raises AddressDenied,
    ChangedMeanwhile, EncryptionOff or TrialFailed, having written nothing.
    """
    kind = PROVIDERS[provider]
    address = (api_base or kind.api_base).rstrip("/")
    check_address(address)
    tried = TrialResult(UNTRIED)
    if is_tried:
        tried = try_endpoint(provider=kind, address=address, key=key, model=model)
    result = tried.message
    with _names_taken_once():
        endpoint = Endpoint.objects.create(
            name=_free_name(kind.label),
            provider=provider,
            api_base=api_base,
            site_key=encrypt_site_key(key, address=address),
            default_model=model,
            position=Endpoint.objects.count(),
            **list_of(tried.models),
        )
        config = LLMConfig.objects.create(
            name=_free_config_name(model, endpoint),
            endpoint=endpoint,
            model=model,
            is_global=True,
        )
        _record_connected(endpoint, actor=actor, is_tried=is_tried)
        default = LLMConfig.objects.default()
        if is_default and (is_tried or default is None):
            set_default_config(config=config, actor=actor)
        elif is_default:
            result += f" {default} stays the default until you choose this one."
    return endpoint, result


def _record_connected(
    endpoint: Endpoint, *, actor: User | None, is_tried: bool
) -> None:
    record(
        actor=actor,
        action="endpoint connected",
        subject=("endpoint", endpoint.pk),
        name=endpoint.name,
        provider=endpoint.provider,
        host=host_and_port(endpoint.address),
        model=endpoint.default_model,
        has_key=bool(endpoint.site_key),
        is_tried=is_tried,
    )


@contextmanager
def _names_taken_once() -> Iterator[None]:
    """A transaction that ends in ChangedMeanwhile where two take one name at once."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if isinstance(error.__cause__, UniqueViolation):
            raise ChangedMeanwhile(
                "Somebody else has just taken this name, so nothing was saved. Send it"
                " once more, or choose another."
            ) from None
        raise


def _free_name(label: str) -> str:
    return _numbered(label, taken=Endpoint.objects.values_list("name", flat=True))


def _free_config_name(model: str, endpoint: Endpoint) -> str:
    plain, longer = _config_names(model, endpoint)
    taken = list(LLMConfig.objects.of_site().values_list("name", flat=True))
    is_free = plain.lower() not in map(str.lower, taken)
    return plain if is_free else _numbered(longer, taken=taken)


def _config_names(model: str, endpoint: Endpoint) -> tuple[str, str]:
    """What a config for `model` is called, and what it is called if that is taken."""
    return model[:60], f"{model[:28]} · {endpoint.name[:24]}"


def _numbered(name: str, *, taken: Iterable[str]) -> str:
    """`name`, or with the first number that makes it a new one."""
    names = set(map(str.lower, taken))
    numbered = (f"{name} {number}" for number in range(2, len(names) + 3))
    return next(free for free in (name, *numbered) if free.lower() not in names)


def change_endpoint(
    *,
    endpoint: Endpoint,
    name: str,
    api_base: str,
    key: str,
    model: str,
    max_in_flight: int,
    call_deadline: timedelta,
    actor: User | None,
    is_tried: bool = True,
    open_to: str = "",
    takes_own_keys: bool | None = None,
) -> tuple[Endpoint, str]:
    """Save what differs from `endpoint`; its site configs for the old model follow it.

    A blank `key` keeps the one there is, but not for another host; who may use it stays
    where that is left out. Another address, key or model is tried first, unless not
    wanted. Returns the endpoint as it is now and what the trial showed; blank: there was
    nothing to try. Raises AddressDenied, ChangedMeanwhile, EncryptionOff,
    SecretUnreadable or TrialFailed, having written nothing.
    """
    changed = copy(endpoint)
    changed.name, changed.api_base, changed.default_model = name, api_base, model
    changed.max_in_flight, changed.call_deadline = max_in_flight, call_deadline
    changed.open_to = open_to or endpoint.open_to
    if takes_own_keys is not None:
        changed.takes_own_keys = takes_own_keys
    check_address(changed.address)
    if key:
        changed.site_key = encrypt_site_key(key, address=changed.address)
    elif host_and_port(endpoint.address) != host_and_port(changed.address):
        changed.site_key = ""
    tried = TrialResult("")
    if key or (endpoint.address, endpoint.default_model) != (changed.address, model):
        tried = _try(changed) if is_tried else TrialResult(UNTRIED)
    with _names_taken_once():
        old, current = _write_changed(endpoint, changed, tried)
        if key:
            tell_new_key(current)
        _record_changed(old, current, actor=actor, has_new_key=bool(key))
    return current, tried.message


def _write_changed(
    endpoint: Endpoint, changed: Endpoint, tried: TrialResult
) -> tuple[Endpoint, Endpoint]:
    """Write where `changed` differs from `endpoint`, and let configs follow its model.

    Returns the row as it was, and as it is now: what others changed of it meanwhile
    stays. Raises ChangedMeanwhile as `_lock_for` does.
    """
    edited = _differences(endpoint, changed)
    values = {field: getattr(changed, field) for field in edited}
    values |= list_of(tried.models)
    if tried.models is None and "api_base" in edited:  # the list was another address's
        values |= {"listed_models": [], "listed_at": None}
    current = _lock_for(edited, endpoint)
    old = copy(current)
    for field, value in values.items():
        setattr(current, field, value)
    _rename_configs(old=old, endpoint=current)
    current.save(update_fields=values)
    return old, current


def _differences(old: Endpoint, new: Endpoint) -> set[str]:
    fields = (*_CHANGEABLE, "site_key")
    return {name for name in fields if getattr(old, name) != getattr(new, name)}


def _lock_for(edited: set[str], endpoint: Endpoint) -> Endpoint:
    """The row of `endpoint` as it is now, a trial after it was read, and locked.

    Raises ChangedMeanwhile if it is gone, or if part of what was tried is new in
    `edited` and part of it in the row: the two were never tried together.
    """
    # No more than that, nor of its configs: the record of a call points to one of them and
    # to this row, and would wait for one while we wait for the other.
    rows = Endpoint.objects.select_for_update(no_key=True)
    current = rows.filter(pk=endpoint.pk).first()
    if current is None:
        raise ChangedMeanwhile(
            f"{endpoint} was deleted meanwhile, so nothing was saved."
        )
    theirs = _differences(endpoint, current)
    if not edited.isdisjoint(_TRIED_FIELDS) and not theirs.isdisjoint(_TRIED_FIELDS):
        raise ChangedMeanwhile
    return current


def _record_changed(
    old: Endpoint, endpoint: Endpoint, *, actor: User | None, has_new_key: bool
) -> None:
    """Which fields were changed; of the key only that it was replaced or removed."""
    fields = [it for it in _CHANGEABLE if getattr(old, it) != getattr(endpoint, it)]
    key = "replaced" if has_new_key else "kept"
    if old.site_key and not endpoint.site_key:
        key = "removed"
    if fields or key != "kept":
        record(
            actor=actor,
            action="endpoint changed",
            subject=("endpoint", endpoint.pk),
            name=endpoint.name,
            fields=fields,
            key=key,
            host=host_and_port(endpoint.address),
        )


def _rename_configs(*, old: Endpoint, endpoint: Endpoint) -> None:
    """Let the site's configs for the old model follow, their names if we gave them."""
    given = _config_names(old.default_model, old)
    configs = LLMConfig.objects.of_site().filter(endpoint=endpoint)
    following = configs.filter(model=old.default_model).order_by("pk")
    for config in following.select_for_update(no_key=True):
        config.model = endpoint.default_model
        stays = config.name in _config_names(config.model, endpoint)
        if config.name in given and not stays:
            config.name = _free_config_name(config.model, endpoint)
        config.save(update_fields=["model", "name"])


def retry_trial(*, endpoint: Endpoint) -> str:
    """Try a saved endpoint, and keep the list of its models; returns what that showed.

    Raises as `try_endpoint` does, or SecretUnreadable.
    """
    try:
        tried = _try(endpoint)
    except TrialFailed as failure:
        keep_models(endpoint=endpoint, models=failure.models)
        raise
    keep_models(endpoint=endpoint, models=tried.models)
    return tried.message


def _try(endpoint: Endpoint) -> TrialResult:
    return try_endpoint(
        provider=endpoint.kind,
        address=endpoint.address,
        key=call_secrets(endpoint=endpoint),
        model=endpoint.default_model,
    )


@transaction.atomic
def switch_endpoint(
    *, endpoint: Endpoint, is_enabled: bool, actor: User | None
) -> None:
    """Let requests go to `endpoint`, or stop them; those that run are not cut."""
    stands_otherwise = Endpoint.objects.filter(
        pk=endpoint.pk, is_enabled=not is_enabled
    )
    if stands_otherwise.update(is_enabled=is_enabled):
        record(
            actor=actor,
            action=f"endpoint switched_{'on' if is_enabled else 'off'}",
            subject=("endpoint", endpoint.pk),
            name=endpoint.name,
        )


@transaction.atomic
def delete_endpoint(*, endpoint: Endpoint, actor: User | None) -> None:
    """Delete `endpoint` with its key and the site's configs on it, if nothing needs it.

    Raises EndpointInUse, having written nothing: what has ever answered stays on record
    and can be switched off.
    """
    # Locked, so that nobody begins to need what is just being deleted.
    found = Endpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
    if found is None:
        return
    configs = LLMConfig.objects.of_site().filter(endpoint=endpoint)
    list(configs.order_by("pk").select_for_update())
    if needed := reasons_to_keep(endpoint=endpoint):
        raise EndpointInUse(needed)
    record(
        actor=actor,
        action="endpoint deleted",
        subject=("endpoint", found.pk),
        name=found.name,
        configs=[config.name for config in configs],
    )
    move_compat(going=configs)
    configs.delete()
    found.delete()


def reasons_to_keep(*, endpoint: Endpoint) -> list[str]:
    """What needs `endpoint`, in words; empty if it may be deleted."""
    default = LLMConfig.objects.default()
    is_default = default is not None and default.endpoint_id == endpoint.pk
    reasons = [f"{default}, the site's default model"] if is_default else []
    return reasons + uses_of(endpoint)


@transaction.atomic
def connect_demo_model(*, url: str, key: str) -> None:
    """Point the demo endpoint at the small model that `manage.py up` runs.

    Its port and key are new with every installation, and it takes no keys of members, as
    early ones did. It becomes the default only where there is none, and new ones the cheap
    model, which members use whose address is not confirmed; what staff changed of it stays.
    """
    now = {
        "api_base": url,
        "site_key": encrypt_site_key(key, address=url),
        "takes_own_keys": False,
    }
    endpoint, is_new = Endpoint.objects.update_or_create(
        provider="demo",
        defaults=now,
        create_defaults={
            **now,
            "name": _free_name(DEMO_NAME),
            "default_model": DEMO_MODEL,
            "max_in_flight": 2,
            "call_deadline": timedelta(minutes=2),
        },
    )
    if is_new:
        _record_connected(endpoint, actor=None, is_tried=False)
        config = LLMConfig.objects.create(
            name=DEMO_NAME,
            is_global=True,
            endpoint=endpoint,
            model=DEMO_MODEL,
            temperature=0.2,
            frequency_penalty=0.5,
            max_tokens=80,
            context_posts=2,
            context_tokens=120,
        )
        fill_profile(key=CHEAP, config=config)
    if LLMConfig.objects.default() is None and endpoint.is_enabled:
        for config in LLMConfig.objects.of_site().filter(endpoint=endpoint)[:1]:
            set_default_config(config=config, actor=None)
