"""The example characters, made as a member would make them."""

from django.db import transaction

from accounts.models import User
from personas.examples import EXAMPLES
from personas.models import Persona, Visibility
from personas.services import drafts, versions


@transaction.atomic
def add_examples(*, owner: User) -> list[Persona]:
    """Publish the example characters that the site does not have yet, for everybody.

    Returns those that were added. Raises what publishing does, having written nothing.
    """
    added = []
    for entry in EXAMPLES:
        fields = dict(entry)
        handle = fields.pop("handle")
        if Persona.objects.filter(slug=handle).exists():
            continue
        draft = drafts.create_persona(creator=owner, name=fields["name"], handle=handle)
        drafts.save_draft(draft=draft, **fields)
        version = versions.publish(
            draft=draft, note="An example.", visibility=Visibility.PUBLIC
        )
        added.append(version.persona)
    return added
