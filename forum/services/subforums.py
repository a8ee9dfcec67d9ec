"""What staff decide about a subforum."""

from django.db import transaction

from accounts.models import User
from accounts.services import record
from forum.models import Subforum
from llmconfig.services.profiles import profile_of


@transaction.atomic
def pin_profile(*, subforum: Subforum, key: str, actor: User) -> None:
    """Let `subforum` ask the model of this profile; blank: none of its own.

    The next claim uses it; who chose a model for themselves keeps that.
    """
    row = Subforum.objects.select_for_update(of=["self"]).get(pk=subforum.pk)
    profile = profile_of(key=key) if key else None
    if row.profile == profile:
        return
    before = row.profile.key if row.profile else None
    row.profile = profile
    row.save(update_fields=["profile"])
    record(
        actor=actor,
        action="subforum pinned",
        subject=("subforum", row.pk),
        name=row.name,
        before=before,
        after=profile.key if profile else None,
    )
