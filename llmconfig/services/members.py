"""What members set for themselves about models. The rows are made on demand."""

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.models import User
from accounts.services import record
from core.errors import NotAllowed
from llmconfig.models import AISettings, Endpoint, LLMConfig, ProviderPreference


def ai_settings_of(member: User) -> AISettings:
    """What the member set, as it was when it was first read with them: for their pages.

    Unsaved, and as it is by default, when they set nothing. No query for whoever is
    signed in (`settings.MEMBER_JOINS`).
    """
    own: AISettings | None = getattr(member, "ai_settings", None)
    return own or AISettings(user=member)


@transaction.atomic
def set_default_model(*, member: User, config: LLMConfig | None) -> None:
    """Answer the member with `config` where nothing nearer is chosen; None: have none.

    Raises NotAllowed if it is another member's.
    """
    check_usable(config, member)
    settings = _held(member)
    before, settings.default_config = settings.default_config, config
    if before == config:
        return
    settings.save(update_fields=["default_config"])
    record(
        actor=member,
        action="aisettings default_changed",
        subject=("user", member.pk),
        before=_key_of(before),
        after=_key_of(config),
    )


@transaction.atomic
def switch_ai(*, member: User, is_on: bool) -> None:
    """Let the member ask personas, or refuse it, with what waits of theirs."""
    settings = _held(member)
    if settings.ai_enabled == is_on:
        return
    settings.ai_enabled = is_on
    settings.save(update_fields=["ai_enabled"])
    record(
        actor=member,
        action=f"aisettings switched_{'on' if is_on else 'off'}",
        subject=("user", member.pk),
        before=not is_on,
        after=is_on,
    )


@transaction.atomic
def prefer_model(
    *, member: User, endpoint: Endpoint, model: str
) -> tuple[ProviderPreference, str]:
    """Set which model the member wants of `endpoint`; returns it, and the one before.

    There is one for an endpoint: another takes its place and is counted from nothing.
    """
    # Held, so that two presses at once set one after the other.
    list(User.objects.select_for_update(no_key=True).filter(pk=member.pk))
    row = ProviderPreference.objects.filter(user=member, endpoint=endpoint).first()
    row = row or ProviderPreference(user=member, endpoint=endpoint)
    before = row.model
    if before != model:
        row.model, row.uses, row.last_used_at = model, 0, None
        row.save()
    return row, before if before != model else ""


def forget_preferences(*, member: User, endpoint: Endpoint | None = None) -> int:
    """Have no wished model at `endpoint`, or at any; returns how many there were."""
    rows = ProviderPreference.objects.filter(user=member)
    if endpoint is not None:
        rows = rows.filter(endpoint=endpoint)
    count, _ = rows.delete()
    return count


def count_use(*, member_id: int, endpoint_id: int, model: str) -> None:
    """Count an answer of the model the member wishes of the endpoint, if it is that one.

    Inside the transaction that settles the call, which happens once.
    """
    wished = ProviderPreference.objects.filter(
        user=member_id, endpoint=endpoint_id, model__iexact=model
    )
    wished.update(uses=F("uses") + 1, last_used_at=Now())


def check_usable(config: LLMConfig | None, member: User) -> None:
    """Raise NotAllowed if `config` is neither the site's nor the member's own."""
    if config is not None and not config.is_usable_by(member):
        raise NotAllowed


def _held(member: User) -> AISettings:
    AISettings.objects.get_or_create(user=member)
    rows = AISettings.objects.select_for_update(of=("self",))
    return rows.select_related("default_config").get(user=member)


def _key_of(config: LLMConfig | None) -> str | None:
    """A config in the record of changes: its name may be a member's own words."""
    return str(config.pk) if config is not None else None
