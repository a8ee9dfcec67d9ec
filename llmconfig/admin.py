"""Endpoints, configs and profiles in the admin.

Endpoints are changed in Settings > Endpoints, which tries them and binds keys to hosts.
"""

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey
from django.http import HttpRequest

from accounts.admin_site import ReadOnlyAdmin, RecordedAdmin
from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    Favourite,
    LLMConfig,
    ModelPrice,
    ModelProfile,
    ProviderPreference,
    Redirect,
)


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    exclude = ("site_key",)
    list_display = ("name", "provider", "default_model", "is_enabled", "max_in_flight")
    list_filter = ("provider", "is_enabled")
    ordering = ("position", "pk")
    search_fields = ("name", "default_model")


class _OfSiteAdmin(RecordedAdmin):
    """Offers the site's configs only, never a member's own."""

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.related_model is LLMConfig:
            kwargs["queryset"] = LLMConfig.objects.of_site().order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(LLMConfig)
class LLMConfigAdmin(_OfSiteAdmin):
    """The site's configs can be changed; members' own are theirs.

    Which is the default is chosen in Settings > Endpoints, where one gives way to another.
    """

    list_display = ("name", "model", "endpoint", "owner", "is_default")
    list_filter = ("is_global", "is_default", "endpoint")
    list_select_related = ("endpoint", "owner__handle")
    readonly_fields = ("owner", "created_by", "is_global", "is_default")
    member_field = "owner"
    search_fields = ("name", "model")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None or obj.owner_id is None

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ModelProfile)
class ModelProfileAdmin(_OfSiteAdmin):
    list_display = ("key", "config")
    list_select_related = ("config",)
    search_fields = ("key", "config__name")


@admin.register(AISettings)
class AISettingsAdmin(ReadOnlyAdmin):
    list_display = ("user", "default_config", "ai_enabled")
    list_filter = ("ai_enabled",)
    list_select_related = ("user__handle", "default_config")
    member_field = "user"
    search_fields = ("default_config__name",)


@admin.register(ProviderPreference)
class ProviderPreferenceAdmin(ReadOnlyAdmin):
    list_display = ("user", "endpoint", "model", "uses", "last_used_at")
    list_filter = ("endpoint",)
    list_select_related = ("user__handle", "endpoint")
    member_field = "user"
    search_fields = ("model",)


@admin.register(Favourite)
class FavouriteAdmin(ReadOnlyAdmin):
    list_display = ("user", "config", "position")
    list_select_related = ("user__handle", "config")
    member_field = "user"
    search_fields = ("config__name",)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Which keys there are, never what they are, nor their last characters."""

    exclude = ("secret", "last_four")
    list_display = ("user", "endpoint", "state", "last_used_at")
    list_filter = ("state", "endpoint")
    list_select_related = ("user__handle", "endpoint")
    member_field = "user"
    search_fields = ("endpoint__name",)


@admin.register(ModelPrice)
class ModelPriceAdmin(ReadOnlyAdmin):
    list_display = ("model", "endpoint", "in_usd", "out_usd", "set_by", "set_at")
    list_filter = ("endpoint",)
    list_select_related = ("endpoint", "set_by__handle")
    search_fields = ("model",)


@admin.register(Redirect)
class RedirectAdmin(ReadOnlyAdmin):
    list_display = ("endpoint", "model", "to", "made_by", "made_at", "undone_at")
    list_filter = ("endpoint",)
    list_select_related = ("endpoint", "to", "made_by__handle")
    search_fields = ("model", "to__name")
