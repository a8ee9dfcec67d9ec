from django.urls import path, re_path

from studio.views import bench, site, trials

app_name = "studio"
urlpatterns = [
    path("settings/site/", site.site_edit, name="site_edit"),
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
    path("personas/<slug:persona_slug>/try/", bench.persona_try, name="persona_try"),
    path(
        "personas/<slug:persona_slug>/try/<uuid:trial_id>/",
        trials.trial_detail,
        name="trial_detail",
    ),
    path("live/tries/<uuid:trial_id>/", trials.trial_stream, name="trial_stream"),
]
