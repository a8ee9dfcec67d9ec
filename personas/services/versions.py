"""Publishing, going back, and erasing: every change is a new version."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from accounts.models import User
from accounts.services import record
from core import markup
from personas import appearance, definitions
from personas.erasing import erase
from personas.errors import (
    ChangedMeanwhile,
    DraftGone,
    NothingChanged,
    PersonaNameTaken,
    VersionErased,
)
from personas.models import Persona, PersonaCard, PersonaDraft, PersonaVersion
from personas.services.drafts import changes_in, check_draft
from personas.services.naming import check_new_name, check_own_names, hold_name
from personas.services.sharing import set_visibility


@transaction.atomic
def publish(
    *,
    draft: PersonaDraft,
    note: str = "",
    visibility: str | None = None,
    over: int | None = None,
) -> PersonaVersion:
    """Make the draft the persona's next version, which is met from then on.

    `visibility` counts for the first version only, and from those alone who may share
    the persona; None leaves it as it is.
    `over`: the number of a version that somebody else published since the draft was
    begun, and whose place it may take; no later one's. Raises ChangedMeanwhile,
    DefinitionRefused, DraftGone, NameNeeded, NameRefused, NothingChanged or
    PersonaNameTaken, having written nothing.
    """
    persona = Persona.objects.hold_shaped(draft.persona_id, by=draft.editor)
    kept = PersonaDraft.objects.hold(draft.pk)
    if kept is None:  # the button was pressed twice
        raise DraftGone
    current = persona.current_version
    if current and current.pk != kept.base_id and current.number != over:
        raise ChangedMeanwhile
    if current and not changes_in(kept, persona):
        raise NothingChanged
    if not persona.current_version_id or kept.name != persona.name:
        hold_name(kept.name)
        check_own_names(persona=persona, name=kept.name, member=kept.editor)
    persona.rename(check_new_name(persona=persona, name=kept.name))
    persona.avatar, persona.avatar_image = kept.avatar, kept.avatar_image
    persona.tags = kept.tags
    try:
        with transaction.atomic():
            persona.save(update_fields=[*appearance.LABELS, "name_skeleton"])
    except IntegrityError:
        raise PersonaNameTaken from None
    note = markup.one_line(note)[: definitions.MOST_NOTE_CHARS]
    version = _add_version(persona, check_draft(kept), author=kept.editor, note=note)
    kept.delete()
    # Asked under the lock: an owner who waited for it may be an editor by now.
    may_share = Persona.objects.managed_by(kept.editor).filter(pk=persona.pk).exists()
    if visibility and current is None and may_share:
        set_visibility(persona=persona, visibility=visibility, actor=kept.editor)
        persona.refresh_from_db(fields=["visibility", "default_config"])
    return version


@transaction.atomic
def revert(*, version: PersonaVersion, actor: User) -> PersonaVersion:
    """Say again what `version` said: a new version that names it as its source.

    If the current version says that already, nothing is written and it is returned, so
    pressing twice counts once. Raises VersionErased.
    """
    persona = Persona.objects.hold_shaped(version.persona_id, by=actor)
    version.refresh_from_db()
    current = persona.current_version
    if current and version.pk in (current.pk, current.reverted_from_id):
        return current
    if version.is_erased:
        raise VersionErased
    return _add_version(
        persona,
        version.definition,
        author=actor,
        note=f"Back to version {version.number}.",
        reverted_from=version,
    )


def _add_version(
    persona: Persona, definition: dict[str, Any], *, author: User, **fields: Any
) -> PersonaVersion:
    """The next version of a persona whose row is held; it becomes the current one."""
    last = persona.versions.aggregate(last=Max("number"))["last"] or 0
    version = PersonaVersion.objects.create(
        persona=persona, number=last + 1, created_by=author, **definition, **fields
    )
    persona.current_version = version
    persona.save(update_fields=["current_version", "updated_at"])
    record(
        actor=author,
        action="persona published",
        subject=("persona", persona.pk),
        version=version.number,
    )
    return version


def versions_alike(version: PersonaVersion) -> list[PersonaVersion]:
    """The persona's other versions that say some of what `version` says, by number."""
    others = PersonaVersion.objects.filter(persona=version.persona_id)
    erased = version.definition
    return [
        it
        for it in others.exclude(pk=version.pk).order_by("number")
        if it.definition != definitions.without(it.definition, erased)
    ]


@transaction.atomic
def erase_version(*, version: PersonaVersion, actor: User | None) -> PersonaVersion:
    """Empty every text of `version`, for legal reasons; its number and dates stay.

    The database allows a version no other change. Prompts that were made of it, and
    drafts and tries where they still say the same, are emptied too. What the persona was
    imported from may say the same, so it goes. Other versions stay: `versions_alike`.
    `actor` None: a command.
    """
    Persona.objects.hold(version.persona_id)
    # A prompt that is being made of it is stored first, and then emptied with the others.
    PersonaVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    PersonaCard.objects.filter(persona=version.persona_id).delete()
    _erase_from_drafts(version)
    erase("persona_version", version.pk)
    for name in (*PersonaVersion.TEXTS, "note"):
        setattr(version, name, "")
    for name in PersonaVersion.LISTS:
        setattr(version, name, [])
    version.save()
    record(
        actor=actor,
        action="personaversion erased",
        subject=("personaversion", version.pk),
        persona=version.persona.name,
        number=version.number,
    )
    return version


def _erase_from_drafts(version: PersonaVersion) -> None:
    drafts = PersonaDraft.objects.select_for_update(of=["self"])
    for draft in drafts.filter(persona=version.persona_id):
        left = definitions.without(draft.definition, version.definition)
        PersonaDraft.objects.filter(pk=draft.pk).update(**left)
