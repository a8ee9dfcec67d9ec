from django.urls import path

from personas.views import (
    catalogue,
    deleting,
    exchange,
    groups,
    guide,
    identities,
    own,
    people,
    prompts,
    publishing,
    settings,
    sharing,
    versions,
    writing,
)

app_name = "personas"
urlpatterns = [
    path("personas/", catalogue.persona_list, name="persona_list"),
    path("personas/new/", writing.persona_create, name="persona_create"),
    path("personas/import/", exchange.persona_import, name="persona_import"),
    path(
        "personas/<slug:persona_slug>/export/",
        exchange.persona_export,
        name="persona_export",
    ),
    path(
        "personas/<slug:persona_slug>/export/<slug:form>/",
        exchange.persona_download,
        name="persona_download",
    ),
    path(
        "personas/<slug:persona_slug>/", catalogue.persona_detail, name="persona_detail"
    ),
    path(
        "personas/<slug:persona_slug>/delete/",
        deleting.persona_delete,
        name="persona_delete",
    ),
    path(
        "personas/<slug:persona_slug>/versions/",
        versions.version_list,
        name="version_list",
    ),
    path(
        "personas/<slug:persona_slug>/versions/<int:number>/",
        versions.version_detail,
        name="version_detail",
    ),
    path(
        "personas/<slug:persona_slug>/versions/<int:number>/revert/",
        versions.version_revert,
        name="version_revert",
    ),
    path(
        "personas/<slug:persona_slug>/diff/",
        versions.version_compare,
        name="version_compare",
    ),
    path(
        "personas/<slug:persona_slug>/people/",
        people.persona_people,
        name="persona_people",
    ),
    path(
        "personas/<slug:persona_slug>/people/change/",
        people.persona_people_change,
        name="persona_people_change",
    ),
    path(
        "personas/<slug:persona_slug>/people/leave/",
        people.persona_leave,
        name="persona_leave",
    ),
    path(
        "personas/<slug:persona_slug>/people/transfer/",
        people.persona_transfer,
        name="persona_transfer",
    ),
    path(
        "personas/<slug:persona_slug>/visibility/",
        sharing.persona_visibility,
        name="persona_visibility",
    ),
    path("settings/personas/", settings.persona_settings, name="persona_settings"),
    path(
        "settings/personas/default/",
        settings.site_default_change,
        name="site_default_change",
    ),
    path("settings/personas/all/", settings.persona_table, name="persona_table"),
    path("settings/personas/all/show/", settings.personas_show, name="personas_show"),
    path("settings/groups/", groups.group_list, name="group_list"),
    path("settings/groups/<int:group_id>/", groups.group_detail, name="group_detail"),
    path(
        "settings/groups/<int:group_id>/rename/",
        groups.group_rename,
        name="group_rename",
    ),
    path(
        "settings/groups/<int:group_id>/delete/",
        groups.group_delete,
        name="group_delete",
    ),
    path(
        "settings/groups/<int:group_id>/members/<int:member_id>/remove/",
        groups.group_remove,
        name="group_remove",
    ),
    path(
        "personas/<slug:persona_slug>/yours/", own.persona_yours, name="persona_yours"
    ),
    path(
        "personas/<slug:persona_slug>/aliases/", own.alias_create, name="alias_create"
    ),
    path("settings/aliases/", own.alias_list, name="alias_list"),
    path(
        "settings/aliases/<int:alias_id>/delete/",
        own.alias_delete,
        name="alias_delete",
    ),
    path("settings/identities/", identities.identity_list, name="identity_list"),
    path(
        "settings/identities/new/", identities.identity_create, name="identity_create"
    ),
    path(
        "settings/identities/<int:identity_id>/",
        identities.identity_detail,
        name="identity_detail",
    ),
    path(
        "settings/identities/<int:identity_id>/edit/",
        identities.identity_edit,
        name="identity_edit",
    ),
    path(
        "settings/identities/<int:identity_id>/delete/",
        identities.identity_delete,
        name="identity_delete",
    ),
    path(
        "settings/identities/<int:identity_id>/default/",
        identities.identity_make_default,
        name="identity_make_default",
    ),
    path("settings/prompts/", prompts.prompt_list, name="prompt_list"),
    path("settings/prompts/new/", prompts.prompt_create, name="prompt_create"),
    path(
        "settings/prompts/<int:prompt_id>/edit/",
        prompts.prompt_edit,
        name="prompt_edit",
    ),
    path(
        "settings/prompts/<int:prompt_id>/delete/",
        prompts.prompt_delete,
        name="prompt_delete",
    ),
    path(
        "settings/prompts/<int:prompt_id>/default/",
        prompts.prompt_make_default,
        name="prompt_make_default",
    ),
    path(
        "personas/<slug:persona_slug>/guide/<slug:step>/",
        guide.guide_step,
        name="guide_step",
    ),
    path(
        "personas/<slug:persona_slug>/edit/", writing.persona_edit, name="persona_edit"
    ),
    path(
        "personas/<slug:persona_slug>/check/", writing.draft_check, name="draft_check"
    ),
    path(
        "personas/<slug:persona_slug>/discard/",
        writing.draft_discard,
        name="draft_discard",
    ),
    path(
        "personas/<slug:persona_slug>/publish/",
        publishing.persona_publish,
        name="persona_publish",
    ),
]
