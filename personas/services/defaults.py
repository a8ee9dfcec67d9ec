"""The site's own default persona: who answers where a subforum has no default."""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from core.models import SiteSettings
from personas.errors import NotPublic
from personas.models import Persona


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
