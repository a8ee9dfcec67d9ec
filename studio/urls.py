from django.urls import path, re_path

from studio import views

app_name = "studio"
urlpatterns = [
    path("settings/site/", views.site_edit, name="site_edit"),
    path("s/<slug:slug>/who/", views.subforum_answering, name="subforum_answering"),
    re_path(
        r"^t/(?P<slug>[-a-z0-9_]+)-(?P<topic_id>[0-9]{1,18})/who/$",
        views.topic_answering,
        name="topic_answering",
    ),
]
