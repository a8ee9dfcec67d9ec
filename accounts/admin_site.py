"""The admin: for superusers, who see no secret in it and change nothing unrecorded.

Admin classes of all apps derive from the two at the end of this module; those that other
packages bring are not taken, as they show keys and write no audit events.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property

from accounts.access import member_of, superuser_required
from accounts.models import User
from accounts.services import record
from core.models import Handle

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Model]
    _Paginator = Paginator[Any]
else:
    _ModelAdmin, _Paginator = admin.ModelAdmin, Paginator

# Rows a list leads to; who wants an older one narrows the list. A million cost no more.
MOST_LISTED = 2_000


class AdminSite(admin.AdminSite):
    """Sends guests to our own sign-in; for members and staff it does not exist."""

    site_title = index_title = site_header = "Admin"

    def has_permission(self, request: HttpRequest) -> bool:
        user = member_of(request.user)
        return user is not None and user.is_active and user.is_superuser

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return superuser_required(super().admin_view(view, cacheable))

    def register(
        self,
        model_or_iterable: Any,
        admin_class: type[Any] | None = None,
        **options: Any,
    ) -> None:
        if admin_class is not None and issubclass(admin_class, RecordedAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:index")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")


class BoundedPaginator(_Paginator):
    """Counts, and leads to, the first MOST_LISTED rows only."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows[:MOST_LISTED].count()

    @property
    def is_cut_off(self) -> bool:
        return self.count == MOST_LISTED


class RecordedAdmin(_ModelAdmin):
    """Writes an audit event for each change; what is in `exclude` is not even read.

    `member_field`: the relation to a member by which "@handle" is searched for. Apart
    from the other fields, as PostgreSQL finds "this or that of another table" by no index.
    """

    member_field = ""
    exclude: ClassVar[tuple[str, ...]] = ()
    actions = None
    list_per_page = 50
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    paginator = BoundedPaginator
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.exclude)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        # Django looks for a field without a name when an address ends in `?_to_field=`.
        return super().get_object(request, object_id, from_field or None)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if self.member_field and search_term.startswith("@"):
            handles = Handle.objects.filter(name__iexact=search_term[1:])
            members = list(
                User.objects.filter(handle__in=handles).values_list("pk", flat=True)
            )
            return queryset.filter(**{f"{self.member_field}__in": members}), False
        return super().get_search_results(request, queryset, search_term)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # An address such as ?password__startswith=a would tell a hash bit by bit.
        if lookup.split("__")[0] in self.exclude:
            return False
        return super().lookup_allowed(lookup, value, request)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        # Not the whole row: a counter that was raised meanwhile stays raised.
        names = [name for name in form.changed_data if _is_column(obj, name)]
        obj.save(update_fields=names if change else None)

    def construct_change_message(
        self, request: HttpRequest, form: BaseForm, formsets: Any, add: bool = False
    ) -> Any:
        return form.changed_data

    # In the transaction of the change. Names only: values may be what somebody wrote.
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return self.record(request, "added", obj)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return self.record(request, "changed", obj, fields=message) if message else None

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        return [self.record(request, "deleted", obj) for obj in queryset]

    def record(
        self, request: HttpRequest, verb: str, obj: Model, **detail: object
    ) -> Any:
        """Write down that `obj` was added, changed or deleted here."""
        kind = obj._meta.model_name or ""
        return record(
            actor=member_of(request.user),
            action=f"{kind} {verb}",
            subject=(kind, obj.pk),
            place="admin",
            name=str(obj)[:100],
            **detail,
        )

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Our own page, which knows of changes outside of the admin, too."""
        query = urlencode({"kind": self.opts.model_name, "key": object_id})
        return redirect(f"{reverse('accounts:audit_list')}?{query}")


class ReadOnlyAdmin(RecordedAdmin):
    """Rows to be looked at; every field but those in `exclude`."""

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> list[str]:
        names = [field.name for field in self.opts.concrete_fields]
        return [name for name in names if name not in self.exclude]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _is_column(obj: Model, name: str) -> bool:
    return name in {field.name for field in obj._meta.concrete_fields}
