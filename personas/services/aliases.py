"""Other names of personas, and who is meant by a name."""

from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record
from core import markup
from core.scripts import is_readable
from personas.errors import AliasRefused
from personas.models import Persona, PersonaAlias

MOST_CHARS = 100
# Of one member, and of the site; one list shows them all.
MOST_ALIASES = 100


def find_persona(text: str, *, user: object) -> Persona | None:
    """The persona that `user` (None: a guest) means by `text`; None if there is none.

    By its handle or name, then by the user's own alias, then by the site's, whatever the
    case; only among those the user may ask. Of two of one name their own one is meant.
    """
    wanted = markup.one_line(text).removeprefix("@")
    if not wanted:
        return None
    usable = Persona.objects.usable_by(user)
    found = usable.called(wanted, by=user).first()
    if found is not None:
        return found
    aliases = PersonaAlias.objects.known_to(user).select_related("persona")
    alias = aliases.filter(name__iexact=wanted).own_first().first()
    return alias.persona if alias else None


@transaction.atomic
def add_alias(
    *, persona: Persona, name: str, actor: User, is_for_site: bool = False
) -> PersonaAlias:
    """Call the persona, which `actor` may ask, `name` as well.

    For themselves, or for everybody (staff). Raises AliasRefused, which names the clash
    but no persona that `actor` may not meet, having written nothing.
    """
    name = _checked(name)
    scope = None if is_for_site else actor
    # A second one, added at the same time, waits and is counted.
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    aliases = PersonaAlias.objects.in_scope(scope)
    # Of a deleted persona the name is free again.
    aliases.filter(name__iexact=name, persona__is_active=False).delete()
    if taken := aliases.filter(name__iexact=name).select_related("persona").first():
        raise _clash(taken, persona, actor)
    if aliases.count() >= MOST_ALIASES:
        raise AliasRefused(
            f"There is room for {MOST_ALIASES} aliases. Remove one first."
        )
    _check_is_nobodys(name, persona, actor)
    try:
        with transaction.atomic():
            alias = PersonaAlias.objects.create(
                persona=persona, user=scope, name=name, created_by=actor
            )
    except IntegrityError:  # sent twice at the same moment
        raise AliasRefused("This alias is there already.") from None
    if is_for_site:
        record(actor=actor, action="alias added", subject=("persona", persona.pk))
    return alias


@transaction.atomic
def remove_alias(*, alias: PersonaAlias, actor: User) -> None:
    """Do not call the persona so any more."""
    if alias.user_id is None:
        record(
            actor=actor, action="alias removed", subject=("persona", alias.persona_id)
        )
    alias.delete()


def _checked(name: str) -> str:
    name = markup.one_line(name).removeprefix("@").strip()
    if markup.is_blank(name):
        raise AliasRefused("Please write a name.")
    if len(name) > MOST_CHARS:
        raise AliasRefused(
            f"This name has {len(name)} characters; at most {MOST_CHARS} fit."
        )
    if not is_readable(name):
        raise AliasRefused("Please write each word of a name in letters of one script.")
    return name


def _clash(taken: PersonaAlias, persona: Persona, actor: User) -> AliasRefused:
    """Why `taken` stands in the way, without naming whom `actor` may not meet."""
    whose = "the site's" if taken.user_id is None else "your"
    if taken.persona_id == persona.pk:
        return AliasRefused(
            f"{taken.name} is {whose} alias for {persona.name} already."
        )
    if not Persona.objects.visible_to(actor).filter(pk=taken.persona_id).exists():
        return AliasRefused(
            f"{taken.name} is {whose} alias for another persona already."
        )
    return AliasRefused(f"{taken.name} is {whose} alias for {taken.persona} already.")


def _check_is_nobodys(name: str, persona: Persona, actor: User) -> None:
    """Raise AliasRefused if a persona that `actor` may meet, or a member, is called so."""
    called = Persona.objects.visible_to(actor).called(name, by=actor).first()
    if called is not None and called.pk == persona.pk:
        raise AliasRefused(f"{persona.name} is called so already.")
    if called is not None:
        raise AliasRefused(f"Another persona is called so: {called.name}.")
    if User.objects.filter(handle__name__iexact=name).exists():
        raise AliasRefused(f"@{name} is a member.")
