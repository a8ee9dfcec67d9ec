"""The rows that resolution looks up: for one request, or for a page of them at once.

Each kind of row is read when a ladder first asks for it, and then for all the requests
together, so that a page of the queue costs as many queries as one request.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q

from accounts.models import User
from accounts.tiers import Tier, tiers_of
from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    LLMConfig,
    ModelProfile,
    ProviderPreference,
    Redirect,
)
from llmconfig.services.members import ai_settings_of
from llmqueue.handlers import Inputs
from llmqueue.hours import OpeningHours
from llmqueue.models import Lane
from personas.models import (
    Persona,
    SystemPrompt,
    UserPersonaSettings,
    Visibility,
)


@dataclass(frozen=True)
class Joined:
    """What a page has read this moment together with its rows, of those who asked.

    By their ids; `own_keys` then by endpoint, without secrets. Their AI settings are
    joined to them.
    """

    tiers: dict[int, Tier]
    own_keys: dict[int, dict[int, ApiKey]]
    has_redirects: bool


class Lookups:
    """What the ladders read, for all of `inputs`; what is `joined` is not read again."""

    def __init__(
        self, inputs: Sequence[Inputs], *, joined: Joined | None = None
    ) -> None:
        self._inputs = inputs
        self._joined = joined

    def personas_for(self, member: User | None) -> dict[int, Persona]:
        """The candidates that `member` may ask at all, by id, with their versions."""
        groups = self._groups.get(member.pk, set()) if member else set()
        found = self._candidates
        return {it.pk: it for it in found if it.is_usable_by(member, groups)}

    def override(self, member: User | None, persona: Persona) -> LLMConfig | None:
        """The model the member set for this persona."""
        own = self.own_settings(member, persona)
        return own.config if own else None

    def own_settings(
        self, member: User | None, persona: Persona
    ) -> UserPersonaSettings | None:
        """What the member set for this persona; their text is read when it is needed.

        `has_own_prompt` says whether there is one.
        """
        return self._own_settings.get((member.pk, persona.pk)) if member else None

    def member_default(self, member: User | None) -> LLMConfig | None:
        """The member's default model."""
        return self._member_defaults.get(member.pk) if member else None

    def preference(self, member: User | None, endpoint: Endpoint) -> str:
        """The model the member wants at this endpoint; blank: none."""
        return self._preferences.get((member.pk, endpoint.pk), "") if member else ""

    def own_key(self, member: User | None, endpoint: Endpoint) -> ApiKey | None:
        """The member's own key for this endpoint, without its secret."""
        own = self._own_keys.get(member.pk, {}) if member else {}
        return own.get(endpoint.pk)

    def tier(self, member: User) -> Tier:
        """The member's tier."""
        return self._tiers[member.pk]

    def profile(self, key: str) -> LLMConfig | None:
        """The config that the site's profile of this key points to."""
        return self._profiles.get(key)

    def redirect_from(self, endpoint: Endpoint, model: str) -> Redirect | None:
        """What staff let answer instead of this model: its own redirect, or its endpoint's."""
        of_model = self._redirects.get((endpoint.pk, model.lower()))
        return of_model or self._redirects.get((endpoint.pk, ""))

    def pays_at(self, member: User | None, endpoint: Endpoint) -> bool:
        """Whether a key of the member's own, and nobody else's, is used at `endpoint`.

        One that is left from when it took keys is used no more.
        """
        return endpoint.is_for_own_keys and self.own_key(member, endpoint) is not None

    def paused_lane(self, endpoint: Endpoint) -> Lane | None:
        """The lane of this endpoint, if it is paused because it keeps failing."""
        return self._paused_lanes.get(endpoint.pk)

    @cached_property
    def opening_hours(self) -> OpeningHours:
        return OpeningHours()

    @cached_property
    def site_default(self) -> LLMConfig | None:
        return next((it for it in self._site_configs if it.is_default), None)

    @cached_property
    def site_prompt(self) -> SystemPrompt | None:
        """The site's default prompt."""
        return SystemPrompt.objects.filter(is_default=True).first()

    @cached_property
    def has_endpoint(self) -> bool:
        """Whether any endpoint is there, switched on or not."""
        return Endpoint.objects.exists()

    @cached_property
    def first_endpoint(self) -> Endpoint | None:
        """The first enabled endpoint that has a default model."""
        return Endpoint.objects.first_choice()

    @cached_property
    def configs_of_first_endpoint(self) -> list[LLMConfig]:
        """The site's configs for just that endpoint's default model; two say as much."""
        endpoint = self.first_endpoint
        if endpoint is None:
            return []
        configs = LLMConfig.objects.of_site().filter(
            endpoint=endpoint, model=endpoint.default_model
        )
        return list(configs[:2])

    @cached_property
    def _members(self) -> dict[int, User]:
        return {it.member.pk: it.member for it in self._inputs if it.member is not None}

    @cached_property
    def _tiers(self) -> dict[int, Tier]:
        if self._joined is not None:
            return self._joined.tiers
        return tiers_of(list(self._members.values()))

    @cached_property
    def _candidates(self) -> list[Persona]:
        named = {
            persona.pk
            for it in self._inputs
            for persona in (it.persona, it.place_default)
            if persona is not None
        }
        return list(Persona.objects.active().among(named).with_versions())

    @cached_property
    def _groups(self) -> dict[int, set[int]]:
        """The groups the members are in; asked only if that may decide something."""
        found: dict[int, set[int]] = {}
        if any(it.visibility == Visibility.GROUPS for it in self._candidates):
            rows = User.groups.through.objects.filter(user__in=self._members)
            for user_id, group_id in rows.values_list("user", "group"):
                found.setdefault(user_id, set()).add(group_id)
        return found

    @cached_property
    def _own_settings(self) -> dict[tuple[int, int], UserPersonaSettings]:
        rows = UserPersonaSettings.objects.filter(
            user__in=self._members, persona__in=self._candidates
        ).with_choices()
        return {(row.user_id, row.persona_id): row for row in rows}

    @cached_property
    def _member_defaults(self) -> dict[int, LLMConfig]:
        members = self._members.values()
        if self._joined is not None:
            rows = [ai_settings_of(it) for it in members]
        else:
            found = AISettings.objects.filter(user__in=self._members)
            rows = list(found.select_related("default_config__endpoint"))
        return {
            row.user_id: row.default_config
            for row in rows
            if row.default_config is not None
        }

    @cached_property
    def _preferences(self) -> dict[tuple[int, int], str]:
        rows = ProviderPreference.objects.filter(user__in=self._members)
        return {(row.user_id, row.endpoint_id): row.model for row in rows}

    @cached_property
    def _redirects(self) -> dict[tuple[int, str], Redirect]:
        if self._joined is not None and not self._joined.has_redirects:
            return {}
        rows = Redirect.objects.active().with_targets()
        return {(row.endpoint_id, row.model.lower()): row for row in rows}

    @cached_property
    def _paused_lanes(self) -> dict[int | None, Lane]:
        lanes = Lane.objects.paused().select_related("endpoint")
        return {lane.endpoint_id: lane for lane in lanes}

    @cached_property
    def _own_keys(self) -> dict[int, dict[int, ApiKey]]:
        """By member and endpoint, without their secrets; read only where one counts."""
        if self._joined is not None:
            return self._joined.own_keys
        rows = ApiKey.objects.filter(
            user__in=self._members, endpoint__takes_own_keys=True
        ).defer("secret")
        found: dict[int, dict[int, ApiKey]] = {}
        for row in rows:
            found.setdefault(row.user_id, {})[row.endpoint_id] = row
        return found

    @cached_property
    def _profiles(self) -> dict[str, LLMConfig]:
        keyed = ((it.profile_keys, it) for it in self._site_configs)  # type: ignore[attr-defined]
        return {key: config for keys, config in keyed for key in keys}

    @cached_property
    def _site_configs(self) -> list[LLMConfig]:
        """The site's default and what the profiles point to, in one query."""
        keys = ModelProfile.objects.filter(config=OuterRef("pk")).values("key")
        configs = LLMConfig.objects.annotate(profile_keys=ArraySubquery(keys))
        wanted = Q(is_default=True) | Q(profile_keys__len__gt=0)
        return list(configs.filter(wanted).select_related("endpoint"))
