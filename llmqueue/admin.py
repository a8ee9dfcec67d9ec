"""The queue's history in the admin, to be looked at.

Neither prompts nor answers are here: /queue/ shows them to those who may read them, and
writes down when staff read another's.
"""

from django.contrib import admin

from accounts.admin_site import ReadOnlyAdmin
from llmqueue.models import (
    DailyUsage,
    Lane,
    LLMAttempt,
    LLMRequest,
    PromptPart,
    Reservation,
    ScheduleWindow,
    SimulatedFailure,
    SpendBucket,
    SpendLimit,
    Stop,
    WorkerHeartbeat,
)


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    exclude = ("probe_token",)
    list_display = ("__str__", "is_enabled", "turn", "failures", "broken_until")
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


@admin.register(SpendLimit)
class SpendLimitAdmin(ReadOnlyAdmin):
    list_display = ("scope", "key", "period", "requests", "cost_usd", "is_enabled")
    list_filter = ("scope", "period", "is_enabled")
    list_select_related = ("made_by__handle",)
    search_fields = ("key",)


@admin.register(SpendBucket)
class SpendBucketAdmin(ReadOnlyAdmin):
    list_display = ("limit", "budget_of", "subject", "period_key", "used_requests")
    list_filter = ("limit__scope",)
    list_select_related = ("limit", "budget_of__handle")
    search_fields = ("period_key", "subject")


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    list_display = ("request", "attempt_number", "bucket", "cost_usd", "state")
    list_filter = ("state",)
    list_select_related = ("request", "bucket__limit")
    search_fields = ("request__public_id",)


@admin.register(DailyUsage)
class DailyUsageAdmin(ReadOnlyAdmin):
    date_hierarchy = "day"
    list_display = ("day", "member", "persona", "model", "calls", "cost_usd")
    list_filter = ("on_own_key", "endpoint")
    list_select_related = ("member__handle", "persona")
    search_fields = ("model",)


@admin.register(Stop)
class StopAdmin(ReadOnlyAdmin):
    list_display = ("scope", "key", "reason", "set_by", "set_at", "lifted_at")
    list_filter = ("scope",)
    list_select_related = ("set_by__handle",)
    search_fields = ("key", "reason")


@admin.register(ScheduleWindow)
class ScheduleWindowAdmin(ReadOnlyAdmin):
    list_display = ("endpoint", "weekdays", "start_hour", "end_hour", "is_enabled")
    list_filter = ("is_enabled",)
    list_select_related = ("endpoint",)
    search_fields = ("endpoint__name",)


@admin.register(SimulatedFailure)
class SimulatedFailureAdmin(ReadOnlyAdmin):
    list_display = ("endpoint", "outcome", "calls_left", "until", "made_by")
    list_filter = ("outcome",)
    list_select_related = ("endpoint", "made_by__handle")
    search_fields = ("endpoint__name",)
