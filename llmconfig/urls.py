from django.urls import path

from llmconfig.views import (
    config_guide,
    configs,
    endpoints,
    keys,
    prices,
    profiles,
)

app_name = "llmconfig"
urlpatterns = [
    path("settings/configs/", configs.config_list, name="config_list"),
    path("settings/configs/new/", configs.config_create, name="config_create"),
    path(
        "settings/configs/guide/<slug:step>/",
        config_guide.config_guide,
        name="config_guide",
    ),
    path(
        "settings/configs/<uuid:config_id>/",
        configs.config_detail,
        name="config_detail",
    ),
    path(
        "settings/configs/<uuid:config_id>/edit/",
        configs.config_edit,
        name="config_edit",
    ),
    path(
        "settings/configs/<uuid:config_id>/clone/",
        configs.config_clone,
        name="config_clone",
    ),
    path(
        "settings/configs/<uuid:config_id>/delete/",
        configs.config_delete,
        name="config_delete",
    ),
    path(
        "settings/configs/<uuid:config_id>/favour/",
        configs.config_favour,
        name="config_favour",
    ),
    path("settings/profiles/", profiles.profiles_edit, name="profiles_edit"),
    path("settings/keys/", keys.key_list, name="key_list"),
    path("settings/keys/<int:endpoint_id>/", keys.key_edit, name="key_edit"),
    path("settings/keys/<int:endpoint_id>/test/", keys.key_test, name="key_test"),
    path("settings/keys/<int:endpoint_id>/delete/", keys.key_delete, name="key_delete"),
    path("settings/endpoints/", endpoints.endpoint_list, name="endpoint_list"),
    path("settings/endpoints/new/", endpoints.endpoint_create, name="endpoint_create"),
    path(
        "settings/endpoints/<int:endpoint_id>/",
        endpoints.endpoint_edit,
        name="endpoint_edit",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/try/",
        endpoints.endpoint_try,
        name="endpoint_try",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/models/",
        endpoints.endpoint_ask_models,
        name="endpoint_ask_models",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/toggle/",
        endpoints.endpoint_toggle,
        name="endpoint_toggle",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/delete/",
        endpoints.endpoint_delete,
        name="endpoint_delete",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/prices/",
        prices.price_list,
        name="price_list",
    ),
    path(
        "settings/endpoints/<int:endpoint_id>/prices/<int:price_id>/delete/",
        prices.price_delete,
        name="price_delete",
    ),
    path(
        "settings/endpoints/configs/<uuid:config_id>/default/",
        endpoints.config_make_default,
        name="config_make_default",
    ),
]
