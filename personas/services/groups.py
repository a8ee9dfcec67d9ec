"""Named groups of members, which staff make, and for which personas can be open."""

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from accounts.models import User
from accounts.services import record
from personas.errors import AlreadyThere, GroupNameTaken


@transaction.atomic
def create_group(*, name: str, actor: User) -> Group:
    """A group without members. Raises GroupNameTaken."""
    _check_name(name)
    group = Group(name=name)
    _save(group)
    _record(actor, "created", group)
    return group


@transaction.atomic
def rename_group(*, group: Group, name: str, actor: User) -> None:
    """Call the group otherwise; who is in it stays. Raises GroupNameTaken."""
    _check_name(name, but=group)
    if group.name != name:
        group.name = name
        _save(group)
        _record(actor, "renamed", group)


@transaction.atomic
def delete_group(*, group: Group, actor: User) -> None:
    """Take the group away: personas open to it alone are left to their owners."""
    _record(actor, "deleted", group)
    group.delete()


@transaction.atomic
def add_member(*, group: Group, member: User, actor: User) -> None:
    """Put `member` in the group. Raises AlreadyThere."""
    if group.user_set.filter(pk=member.pk).exists():
        raise AlreadyThere
    group.user_set.add(member)
    _record(actor, "member_added", group, member=member.handle.name)


@transaction.atomic
def remove_member(*, group: Group, member: User, actor: User) -> None:
    """Take `member` out of the group, who may use its personas no more."""
    if group.user_set.filter(pk=member.pk).exists():
        group.user_set.remove(member)
        _record(actor, "member_removed", group, member=member.handle.name)


def _check_name(name: str, *, but: Group | None = None) -> None:
    # One at a time, as the database tells names apart by their case; where there is no
    # group yet nobody waits.
    groups = Group.objects.select_for_update(no_key=True)
    alike = [it for it in groups if it.name.lower() == name.lower()]
    if [it for it in alike if it != but]:
        raise GroupNameTaken


def _save(group: Group) -> None:
    try:
        with transaction.atomic():
            group.save()
    except IntegrityError:  # the button was pressed twice
        raise GroupNameTaken from None


def _record(actor: User, verb: str, group: Group, **detail: str) -> None:
    record(
        actor=actor,
        action=f"group {verb}",
        subject=("group", group.pk),
        name=group.name,
        **detail,
    )
