"""The queue's history in the admin, to be looked at.

Neither prompts nor answers are here: /queue/ shows them to those who may read them, and
writes down when staff read another's.
"""

from django.contrib import admin

from accounts.admin_site import ReadOnlyAdmin
from llmqueue.models import Lane, LLMAttempt, LLMRequest, PromptPart, WorkerHeartbeat


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "is_enabled", "turn")
    list_filter = ("is_enabled",)
    list_select_related = ("endpoint",)
    search_fields = ("endpoint__name",)


@admin.register(LLMRequest)
class LLMRequestAdmin(ReadOnlyAdmin):
    exclude = ("lease_token", "idempotency_key")
    list_display = (
        "public_id",
        "kind",
        "status",
        "requested_by",
        "answerer",
        "model",
        "created_at",
    )
    list_filter = ("status",)
    list_select_related = ("requested_by__handle", "answerer")
    member_field = "requested_by"
    search_fields = ("public_id__exact", "model__exact")
    search_help_text = "A request's id, a model, or @handle of who asked."


@admin.register(LLMAttempt)
class LLMAttemptAdmin(ReadOnlyAdmin):
    exclude = ("lease_token", "answer")
    list_display = (
        "__str__",
        "persona_version",
        "config",
        "endpoint",
        "tokens_in",
        "tokens_out",
        "started_at",
    )
    list_select_related = ("persona_version__persona", "config", "endpoint")
    search_fields = ("request__public_id__exact",)
    search_help_text = "A request's id."


@admin.register(PromptPart)
class PromptPartAdmin(ReadOnlyAdmin):
    exclude = ("text",)
    list_display = ("attempt_id", "position", "kind", "role", "tokens")
    search_fields = ("attempt__request__public_id__exact",)
    search_help_text = "A request's id."


@admin.register(WorkerHeartbeat)
class WorkerHeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "seen_at", "running_count")
    search_fields = ("name",)
