"""Personas in the admin, to be looked at: versions are made by publishing.

A definition is for those whom the persona's own page shows it to, so it is not here.
"""

from django.contrib import admin

from accounts.admin_site import ReadOnlyAdmin
from personas.models import (
    Identity,
    Persona,
    PersonaAlias,
    PersonaCard,
    PersonaDraft,
    PersonaOwner,
    PersonaVersion,
    SystemPrompt,
    UserPersonaSettings,
)


@admin.register(Persona)
class PersonaAdmin(ReadOnlyAdmin):
    list_display = ("name", "handle", "visibility", "is_active", "current_version")
    list_filter = ("visibility", "is_active", "is_builtin")
    list_select_related = ("handle", "current_version__persona")
    search_fields = ("name", "=handle__name")


@admin.register(PersonaVersion)
class PersonaVersionAdmin(ReadOnlyAdmin):
    exclude = (*PersonaVersion.TEXTS, *PersonaVersion.LISTS, "note")
    list_display = ("persona", "number", "created_by", "created_at")
    list_select_related = ("persona", "created_by__handle")
    search_fields = ("persona__name", "=persona__handle__name")


@admin.register(PersonaOwner)
class PersonaOwnerAdmin(ReadOnlyAdmin):
    list_display = ("persona", "user", "role")
    list_filter = ("role",)
    list_select_related = ("persona", "user__handle")
    member_field = "user"
    search_fields = ("persona__name",)


@admin.register(UserPersonaSettings)
class UserPersonaSettingsAdmin(ReadOnlyAdmin):
    exclude = ("own_prompt",)
    list_display = ("user", "persona", "config", "is_muted")
    list_select_related = ("user__handle", "persona", "config")
    member_field = "user"
    search_fields = ("persona__name",)


@admin.register(PersonaDraft)
class PersonaDraftAdmin(ReadOnlyAdmin):
    exclude = (*PersonaDraft.TEXTS, *PersonaDraft.LISTS)
    list_display = ("persona", "editor", "updated_at")
    list_select_related = ("persona", "editor__handle")
    member_field = "editor"
    search_fields = ("persona__name",)


@admin.register(PersonaCard)
class PersonaCardAdmin(ReadOnlyAdmin):
    exclude = ("source",)
    list_display = ("persona",)
    list_select_related = ("persona",)
    search_fields = ("persona__name",)


@admin.register(PersonaAlias)
class PersonaAliasAdmin(ReadOnlyAdmin):
    list_display = ("name", "persona", "user", "created_at")
    list_select_related = ("persona", "user__handle")
    member_field = "user"
    search_fields = ("name", "persona__name")


@admin.register(Identity)
class IdentityAdmin(ReadOnlyAdmin):
    exclude = ("name", "description")
    list_display = ("user", "is_default", "is_public")
    list_select_related = ("user__handle",)
    member_field = "user"
    search_fields = ("=user__handle__name",)


@admin.register(SystemPrompt)
class SystemPromptAdmin(ReadOnlyAdmin):
    list_display = ("name", "is_default")
    search_fields = ("name",)
