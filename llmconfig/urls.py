from django.urls import path

from llmconfig import views

app_name = "llmconfig"
urlpatterns = [
    path("settings/endpoints/", views.endpoint_list, name="endpoint_list"),
    path("settings/endpoints/new/", views.endpoint_create, name="endpoint_create"),
    path(
        "settings/endpoints/<int:endpoint_id>/",
        views.endpoint_edit,
        name="endpoint_edit",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/try/",
        views.endpoint_try,
        name="endpoint_try",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/toggle/",
        views.endpoint_toggle,
        name="endpoint_toggle",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/delete/",
        views.endpoint_delete,
        name="endpoint_delete",
    ),
    path(
        "settings/endpoints/configs/<uuid:config_id>/default/",
        views.config_make_default,
        name="config_make_default",
    ),
]
