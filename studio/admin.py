"""The test bench in the admin: who tried what, and none of the words."""

from django.contrib import admin

from accounts.admin_site import ReadOnlyAdmin
from studio.models import Trial, TrialRun


@admin.register(Trial)
class TrialAdmin(ReadOnlyAdmin):
    exclude = ("definition", "sample")
    list_display = ("persona", "tester", "version", "created_at")
    list_select_related = ("persona", "tester__handle", "version__persona")
    member_field = "tester"
    search_fields = ("persona__name", "=tester__handle__name")


@admin.register(TrialRun)
class TrialRunAdmin(ReadOnlyAdmin):
    exclude = ("answer",)
    list_display = ("trial", "position", "request")
    list_select_related = ("trial__persona", "request")
    search_fields = ("trial__persona__name",)
