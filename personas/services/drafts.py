"""Writing a persona: drafts that nobody meets until they are published."""

from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import record
from core import images
from core.errors import HandleRefused
from core.models import Handle
from core.services import check_display_name, claim_handle
from personas import appearance, definitions
from personas.errors import DraftGone, TooManyDrafts
from personas.models import (
    OwnerRole,
    Persona,
    PersonaDraft,
    PersonaOwner,
    Visibility,
)
from personas.services.naming import check_new_name, check_own_names, hold_name

# Each takes a name from everybody else.
MOST_BEGUN = 20

# Pages of the catalogue that stand where a persona's address would.
_PAGES = frozenset({"new", "import"})


@transaction.atomic
def begin_persona(*, creator: User, name: str, handle: str = "") -> PersonaDraft:
    """`create_persona`, or the draft that the creator began under this name before.

    `handle` empty: made from the name. Raises what `create_persona` does; NameRefused
    rather than HandleRefused where another handle would not help.
    """
    name = appearance.check_name(name)
    creator = User.objects.select_for_update(no_key=True).get(pk=creator.pk)
    own = Persona.objects.begun_by(creator).shaped_by(creator)
    if begun := own.filter(name__iexact=name).first():
        return draft_of(persona=begun, editor=creator)
    try:
        return create_persona(
            creator=creator, name=name, handle=handle or appearance.propose_handle(name)
        )
    except HandleRefused:
        if not creator.is_staff:
            check_display_name(name=name, handle=Handle())
        raise


@transaction.atomic
def create_persona(*, creator: User, name: str, handle: str) -> PersonaDraft:
    """Begin a persona: private, unpublished, with a draft of its creator's.

    Raises HandleRefused, NameNeeded, NameRefused, PersonaNameTaken or TooManyDrafts,
    having written nothing.
    """
    # A second one, begun at the same time, waits and is counted.
    creator = User.objects.select_for_update(no_key=True).get(pk=creator.pk)
    if Persona.objects.begun_by(creator).count() >= MOST_BEGUN:
        raise TooManyDrafts
    taken = claim_handle(name=handle, allow_reserved=creator.is_staff)
    persona = Persona(
        handle=taken,
        slug=free_slug(handle),
        visibility=Visibility.PRIVATE,
        created_by=creator,
    )
    hold_name(name)
    persona.rename(check_new_name(persona=persona, name=name))
    check_own_names(persona=persona, name=persona.name, member=creator)
    persona.save()
    PersonaOwner.objects.create(persona=persona, user=creator, role=OwnerRole.OWNER)
    record(actor=creator, action="persona created", subject=("persona", persona.pk))
    return draft_of(persona=persona, editor=creator)


def free_slug(handle: str) -> str:
    """The handle as an address; a deleted persona's address is not given again."""
    slug = handle.lower()
    alike = Persona.objects.filter(slug__startswith=slug)
    taken = {*_PAGES, *alike.values_list("slug", flat=True)}
    options = (slug if n == 1 else f"{slug}-{n}" for n in range(1, len(taken) + 2))
    return next(it for it in options if it not in taken)


def draft_of(*, persona: Persona, editor: User) -> PersonaDraft:
    """The editor's draft, begun from the current version when there is none."""
    draft, _ = PersonaDraft.objects.get_or_create(
        persona=persona, editor=editor, defaults=_beginning(persona)
    )
    return draft


def look_at_draft(*, persona: Persona, editor: User) -> PersonaDraft:
    """`draft_of`, but one that is not there yet is not stored: its `pk` is None."""
    stored = persona.drafts.filter(editor=editor).select_related("base").first()
    return stored or PersonaDraft(persona=persona, editor=editor, **_beginning(persona))


def _beginning(persona: Persona) -> dict[str, Any]:
    version = persona.current_version
    begun: dict[str, Any] = version.definition if version else {}
    return {
        **begun,
        "base": version,
        "name": persona.name,
        "avatar": persona.avatar,
        "avatar_image": persona.avatar_image,
        "tags": persona.tags,
    }


@transaction.atomic
def save_draft(*, draft: PersonaDraft, **values: Any) -> PersonaDraft:
    """Keep what was entered so far: any of the draft's fields by name.

    Only these fields are written, so two pages of the draft do not undo each other. A
    half-written draft is kept as it is; `check_draft` says what stands against it.
    Raises DraftGone.
    """
    if PersonaDraft.objects.hold(draft.pk) is None:
        raise DraftGone(
            "This draft was published or discarded meanwhile. What you wrote is still"
            " here: save it once more, and it is a new draft."
        )
    for name, value in values.items():
        setattr(draft, name, value)
    draft.save(update_fields=[*values, "updated_at"])
    return draft


def save_picture(*, draft: PersonaDraft, data: bytes) -> PersonaDraft:
    """Make an uploaded picture the draft's; raises ImageRefused or DraftGone."""
    name = images.store_avatar(images.make_avatar(data))
    return save_draft(draft=draft, avatar_image=name)


def check_draft(draft: PersonaDraft) -> dict[str, Any]:
    """The draft's definition as it would be published; raises DefinitionRefused."""
    return definitions.check(draft.definition)


def changes_in(draft: PersonaDraft, persona: Persona) -> list[str]:
    """What publishing would change, as pages call it; nothing of a first version."""
    version = persona.current_version
    if version is None:
        return []
    tidied, _ = definitions.look_over(draft.definition)
    seen = [
        label
        for name, label in appearance.LABELS.items()
        if getattr(persona, name) != getattr(draft, name)
    ]
    words = [
        definitions.LABELS[name]
        for name, value in version.definition.items()
        if value != tidied[name]
    ]
    return seen + words


def discard_draft(*, draft: PersonaDraft) -> None:
    """Throw the draft away; what is published stays."""
    draft.delete()
