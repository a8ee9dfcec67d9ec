"""Members, handles, the site's values and the record of changes, in the admin.

The models of `core` are here, as it lies below the record that their changes go into.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.admin_site import ReadOnlyAdmin, RecordedAdmin
from accounts.models import AuditEvent, User
from core.models import Handle, SiteSettings

_ROLES = ("is_active", "is_staff", "is_superuser")


class RolesForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a member may do here. Nobody takes a right from themselves by accident."""

    # Set by RolesAdmin.get_form.
    is_own = False

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.is_own and not all(data.get(name) for name in ("is_active", _ROLES[2])):
            raise forms.ValidationError(
                "You cannot switch off your own account or rights. Another superuser can."
            )
        return data


@admin.register(User)
class UserAdmin(RecordedAdmin):
    """A member's roles; all else of an account belongs to the member."""

    form = RolesForm
    exclude = ("password", "groups", "user_permissions", "bio")
    fields = (
        "handle",
        "email",
        "display_name",
        "timezone",
        "date_joined",
        "last_login",
        *_ROLES,
    )
    readonly_fields = fields[:-3]
    list_display = ("handle", "email", "display_name", "date_joined", *_ROLES)
    list_filter = _ROLES
    list_select_related = ("handle",)
    member_field = "pk"
    search_fields = ("=email", "display_name")
    search_help_text = "An email address, a name, or @handle."

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        is_own = obj is not None and obj.pk == request.user.pk
        return type(form.__name__, (form,), {"is_own": is_own})

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        roles = {name: getattr(obj, name) for name in message}
        return self.record(request, "roles_changed", obj, **roles) if roles else None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "subject_kind", "subject_key")
    list_select_related = ("actor__handle",)
    member_field = "actor"
    search_fields = ("subject_key__exact", "action__exact")
    search_help_text = "A subject's key, an action, or @handle of who did it."


@admin.register(Handle)
class HandleAdmin(ReadOnlyAdmin):
    list_display = ("name", "skeleton")
    search_fields = ("name",)


@admin.register(SiteSettings)
class SiteSettingsAdmin(ReadOnlyAdmin):
    """The one row; Settings > Site checks what it is changed to."""

    list_display = ("site_name", "only_staff_assign")
    search_fields = ("site_name",)
