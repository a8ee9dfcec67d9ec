"""What people can do with accounts."""

from allauth.account.models import EmailAddress
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest

from accounts.models import AuditEvent, User
from accounts.signin_links import find_user
from core import markup
from core import services as core
from core.errors import NotAllowed


@transaction.atomic
def use_signin_link(*, request: HttpRequest, key: str, token: str) -> User | None:
    """Sign in whoever the link belongs to; None if it does not hold (any more).

    Takes the request because signing in writes its session. The row is held, so that
    a link used twice at the same time works once.
    """
    user = find_user(key, token, locked=True)
    if user is not None:
        login(request, user)
    return user


@transaction.atomic
def make_site_owner(*, handle: str, email: str) -> User:
    """Give the member @handle the rights of a site owner, made when there is none.

    A new one has `email` and no password; `manage.py signin_link` lets them in. Raises
    HandleRefused, or NotAllowed with the reason, having written nothing.
    """
    owner = User.objects.select_for_update(of=("self",)).select_related("handle")
    found = owner.filter(handle__name__iexact=handle).first()
    if found is None:
        if User.objects.filter(email__iexact=email).exists():
            raise NotAllowed(
                f"there is no member @{handle}, and another one has the email"
                " SITE_OWNER_EMAIL, so none can be made."
            )
        taken = core.claim_handle(name=handle, allow_reserved=True)
        found = User.objects.create_user(email, handle=taken)
        EmailAddress.objects.create(
            user=found, email=email, verified=True, primary=True
        )
    if not found.is_active:
        raise NotAllowed(f"@{handle} is deactivated.")
    if not (found.is_staff and found.is_superuser):
        found.is_staff = found.is_superuser = True
        found.save(update_fields=["is_staff", "is_superuser"])
        record(
            actor=None,
            action="user roles_changed",
            subject=("user", found.pk),
            is_active=True,
            is_staff=True,
            is_superuser=True,
        )
    return found


def edit_profile(*, user: User, display_name: str, bio: str, timezone: str) -> User:
    """Change what a member says of themselves.

    Raises NameRefused if the name is new and looks like somebody else's, having written
    nothing.
    """
    name = markup.one_line(display_name)
    name = "" if markup.is_blank(name) else name
    if name not in ("", user.display_name):
        core.check_display_name(name=name, handle=user.handle)
    user.display_name = name
    user.bio = markup.clean_text(bio).strip()
    user.timezone = timezone
    user.save(update_fields=["display_name", "bio", "timezone"])
    return user


def record(
    *, actor: User | None, action: str, subject: tuple[str, object], **detail: object
) -> AuditEvent:
    """Write down who did what to what; inside the transaction that does it.

    `action` is a word pair such as "endpoint switched_off", `subject` (kind, key),
    `detail` plain values. Never a secret, and never what somebody wrote.
    """
    kind, key = subject
    return AuditEvent.objects.create(
        actor=actor,
        action=action,
        subject_kind=kind,
        subject_key=str(key),
        detail=detail,
    )
