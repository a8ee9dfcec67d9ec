"""Defaults: who answers where a subforum has none, and with which model a persona does."""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from core.errors import NotAllowed
from core.models import SiteSettings
from llmconfig.models import LLMConfig
from llmconfig.services.members import check_usable
from personas.errors import NotPublic
from personas.models import Persona, Visibility


@transaction.atomic
def set_global_default(*, persona: Persona, actor: User) -> None:
    """Let `persona` answer where nobody in particular is asked and no place decides.

    Every subforum without a default of its own follows at once. Raises NotPublic; then
    the old default stays.
    """
    _one_at_a_time()
    persona = Persona.objects.hold(persona.pk)
    if not persona.is_open_to_all:
        raise NotPublic
    if persona.is_global_default:
        return
    Persona.objects.filter(is_global_default=True).update(is_global_default=False)
    Persona.objects.filter(pk=persona.pk).update(is_global_default=True)
    record(actor=actor, action="persona made_default", subject=("persona", persona.pk))


@transaction.atomic
def clear_global_default(*, actor: User) -> None:
    """Leave it to the built-in fallback."""
    _one_at_a_time()
    for persona in Persona.objects.filter(is_global_default=True):
        Persona.objects.filter(pk=persona.pk).update(is_global_default=False)
        record(
            actor=actor, action="persona default_ended", subject=("persona", persona.pk)
        )


def _one_at_a_time() -> None:
    """Two defaults at once would be one too many for the database."""
    SiteSettings.objects.select_for_update(no_key=True).get(pk=SiteSettings.load().pk)


@transaction.atomic
def set_default_model(
    *, persona: Persona, config: LLMConfig | None, actor: User
) -> None:
    """Let the persona answer with `config` whoever set no other; None: with what fits.

    Its managers and staff may. One of the site's configs; a private persona may have one
    of its manager's own. Raises NotAllowed, having written nothing.
    """
    by = None if actor.is_staff else actor
    persona = Persona.objects.hold_managed(persona.pk, by=by)
    if config is not None and config.owner_id is not None:
        _check_own_fits(persona, actor)
        check_usable(config, actor)
    before = persona.default_config
    if before == config:
        return
    persona.default_config = config
    persona.save(update_fields=["default_config", "updated_at"])
    record(
        actor=actor,
        action="persona model_changed",
        subject=("persona", persona.pk),
        before=_key_of(before),
        after=_key_of(config),
    )


def _check_own_fits(persona: Persona, actor: User) -> None:
    """Raise NotAllowed unless `persona` is private and has `actor` among its owners."""
    is_theirs = persona.owners.filter(user=actor).exists()
    if persona.visibility != Visibility.PRIVATE or not is_theirs:
        raise NotAllowed


def _key_of(config: LLMConfig | None) -> str | None:
    """A config in the record of changes: its name may be a member's own words."""
    return str(config.pk) if config is not None else None
