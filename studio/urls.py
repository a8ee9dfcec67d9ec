from django.urls import path, re_path

from studio.views import (
    bench,
    failures,
    hours,
    limits,
    models,
    redirects,
    site,
    stops,
    trials,
    usage,
)

app_name = "studio"
urlpatterns = [
    path("settings/site/", site.site_edit, name="site_edit"),
    path("settings/site/stops/", stops.stop_create, name="stop_create"),
    path("settings/site/stops/<int:stop_id>/lift/", stops.stop_lift, name="stop_lift"),
    path("settings/models/", models.models_edit, name="models_edit"),
    path("settings/models/ai/", models.ai_switch, name="ai_switch"),
    path("settings/models/preferences/", models.preference_set, name="preference_set"),
    path(
        "settings/models/preferences/remove/",
        models.preference_remove,
        name="preference_remove",
    ),
    path(
        "settings/endpoints/redirects/", redirects.redirect_list, name="redirect_list"
    ),
    path(
        "settings/endpoints/redirects/new/",
        redirects.redirect_create,
        name="redirect_create",
    ),
    path(
        "settings/endpoints/redirects/<int:redirect_id>/undo/",
        redirects.redirect_undo,
        name="redirect_undo",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/failures/",
        failures.failure_simulate,
        name="failure_simulate",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/failures/stop/",
        failures.failure_stop,
        name="failure_stop",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/resume/",
        failures.endpoint_resume,
        name="endpoint_resume",
    ),
    path("settings/models/budget/", limits.budget_edit, name="budget_edit"),
    path("settings/limits/", limits.limit_list, name="limit_list"),
    path("settings/limits/new/", limits.limit_create, name="limit_create"),
    path("settings/limits/<int:limit_id>/", limits.limit_edit, name="limit_edit"),
    path(
        "settings/limits/<int:limit_id>/toggle/",
        limits.limit_toggle,
        name="limit_toggle",
    ),
    path(
        "settings/limits/<int:limit_id>/delete/",
        limits.limit_delete,
        name="limit_delete",
    ),
    path("settings/hours/", hours.window_list, name="window_list"),
    path("settings/hours/new/", hours.window_create, name="window_create"),
    path("settings/hours/<int:window_id>/", hours.window_edit, name="window_edit"),
    path(
        "settings/hours/<int:window_id>/toggle/",
        hours.window_toggle,
        name="window_toggle",
    ),
    path(
        "settings/hours/<int:window_id>/delete/",
        hours.window_delete,
        name="window_delete",
    ),
    path("settings/usage/", usage.usage_own, name="usage_own"),
    path(
        "settings/usage/<slug:table>.csv",
        usage.usage_own_download,
        name="usage_own_download",
    ),
    path("settings/usage/site/", usage.usage_site, name="usage_site"),
    path(
        "settings/usage/site/<slug:table>.csv",
        usage.usage_site_download,
        name="usage_site_download",
    ),
    path("s/<slug:slug>/who/", site.subforum_answering, name="subforum_answering"),
    re_path(
        r"^t/(?P<slug>[-a-z0-9_]+)-(?P<topic_id>[0-9]{1,18})/who/$",
        site.topic_answering,
        name="topic_answering",
    ),
    path(
        "personas/<slug:persona_slug>/preview/",
        bench.persona_preview,
        name="persona_preview",
    ),
    path(
        "personas/<slug:persona_slug>/model/",
        models.persona_model,
        name="persona_model",
    ),
    path(
        "personas/<slug:persona_slug>/model/default/",
        models.persona_default_model,
        name="persona_default_model",
    ),
    path("personas/<slug:persona_slug>/try/", bench.persona_try, name="persona_try"),
    path(
        "personas/<slug:persona_slug>/try/<uuid:trial_id>/",
        trials.trial_detail,
        name="trial_detail",
    ),
    path("live/tries/<uuid:trial_id>/", trials.trial_stream, name="trial_stream"),
]
