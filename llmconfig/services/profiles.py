"""Profiles: which config serves an intent."""

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.services import record
from llmconfig.intents import COMPAT
from llmconfig.models import LLMConfig, ModelProfile


@transaction.atomic
def set_profiles(*, chosen: dict[str, LLMConfig | None], actor: User) -> None:
    """Point each of these profiles to a config of the site, or to none."""
    for key in sorted(chosen):
        config = chosen[key]
        profile, _ = ModelProfile.objects.get_or_create(key=key)
        profile = ModelProfile.objects.select_for_update().get(pk=profile.pk)
        if profile.config == config:
            continue
        before = profile.config.name if profile.config else None
        profile.config = config
        profile.save(update_fields=["config"])
        record(
            actor=actor,
            action="profile changed",
            subject=("profile", profile.pk),
            name=key,
            before=before,
            after=config.name if config else None,
        )


def profile_of(*, key: str) -> ModelProfile:
    """The profile of this intent, made when it is first wanted."""
    profile, _ = ModelProfile.objects.get_or_create(key=key)
    return profile


def fill_profile(*, key: str, config: LLMConfig) -> None:
    """Point the profile of this intent to `config` unless it points somewhere already."""
    profile = profile_of(key=key)
    ModelProfile.objects.filter(pk=profile.pk, config=None).update(config=config)


def move_compat(*, going: QuerySet[LLMConfig]) -> None:
    """Point `compat` to the site's default where its own model is among those `going`."""
    left = ModelProfile.objects.filter(key=COMPAT, config__in=going)
    left.update(config=LLMConfig.objects.default())
