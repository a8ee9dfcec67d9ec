"""Personas in the admin, to be looked at: versions are made by publishing.

A definition is for those whom the persona's own page shows it to, so it is not here.
"""

from django.contrib import admin

from accounts.admin_site import ReadOnlyAdmin
from personas.models import Persona, PersonaOwner, PersonaVersion, UserPersonaSettings


@admin.register(Persona)
class PersonaAdmin(ReadOnlyAdmin):
    list_display = ("name", "handle", "visibility", "is_active", "current_version")
    list_filter = ("visibility", "is_active", "is_builtin")
    list_select_related = ("handle", "current_version__persona")
    search_fields = ("name", "=handle__name")


@admin.register(PersonaVersion)
class PersonaVersionAdmin(ReadOnlyAdmin):
    exclude = (
        "role",
        "instructions",
        "context",
        "voice",
        "knowledge",
        "constraints",
        "sample_queries",
        "tools",
        "note",
    )
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
    list_display = ("user", "persona", "config")
    list_select_related = ("user__handle", "persona", "config")
    member_field = "user"
    search_fields = ("persona__name",)
