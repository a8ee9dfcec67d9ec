"""Whom or what a limit is for: as a form offers it, and as a page calls it."""

from collections.abc import Iterable

from accounts.models import User
from accounts.tiers import Tier
from forum.models import Subforum
from forum.services.asks import place_of
from llmconfig.models import LLMConfig
from llmqueue.limits.fitting import OWN_KEY, limit_key_of
from llmqueue.models import LimitScope, SpendLimit
from personas.models import Persona

TIERS = {
    Tier.SAMPLE: "Each member whose address is not confirmed",
    Tier.VERIFIED: "Each member with a confirmed address",
    Tier.STAFF: "Each of the staff",
    OWN_KEY: "Each member, on a key of their own",
}
SITE = "The whole site"

type Target = tuple[LimitScope, str]


def key_of_subforum(subforum: Subforum) -> str:
    """What limits call it."""
    return limit_key_of(*place_of(subforum.pk))


def targets() -> dict[str, list[tuple[Target, str]]]:
    """What can be chosen from a list, under its headings; two queries."""
    configs = LLMConfig.objects.of_site().order_by("name")
    subforums = Subforum.objects.order_by("position", "name")
    return {
        "": [((LimitScope.SITE, ""), SITE)],
        "Members": [((LimitScope.TIER, str(key)), TIERS[key]) for key in TIERS],
        "Subforums": [
            ((LimitScope.PLACE, key_of_subforum(it)), it.name) for it in subforums
        ],
        "Models": [((LimitScope.CONFIG, str(it.pk)), it.name) for it in configs],
    }


def find_named(handle: str) -> Target | None:
    """The member or persona of this handle, as a limit names it."""
    name = handle.removeprefix("@")
    persona = Persona.objects.active().filter(handle__name__iexact=name).first()
    if persona is not None:
        return LimitScope.PERSONA, str(persona.pk)
    member = User.objects.filter(handle__name__iexact=name).first()
    return (LimitScope.MEMBER, str(member.pk)) if member is not None else None


def names_of(limits: Iterable[SpendLimit]) -> dict[int, str]:
    """What each of these limits is for, by its id; four queries at the most."""
    known = {target: name for rows in targets().values() for target, name in rows}
    members = _keys(limits, LimitScope.MEMBER)
    for user in User.objects.filter(pk__in=members).select_related("handle"):
        known[LimitScope.MEMBER, str(user.pk)] = f"Member @{user.handle.name}"
    personas = _keys(limits, LimitScope.PERSONA)
    for persona in Persona.objects.filter(pk__in=personas):
        known[LimitScope.PERSONA, str(persona.pk)] = f"Persona {persona.name}"
    return {it.pk: _name(it, known) for it in limits}


def _keys(limits: Iterable[SpendLimit], scope: LimitScope) -> list[str]:
    return [it.key for it in limits if it.scope == scope]


def _name(limit: SpendLimit, known: dict[Target, str]) -> str:
    scope = LimitScope(limit.scope)
    name = known.get((scope, limit.key), "one that is no longer there")
    prefix = {LimitScope.PLACE: "Subforum", LimitScope.CONFIG: "Model"}.get(scope)
    return f"{prefix} {name}" if prefix else name
