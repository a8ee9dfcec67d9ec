from django.urls import path, re_path

from forum.views import (
    asks,
    assignments,
    images,
    live,
    notices,
    personas,
    posts,
    subforums,
    topics,
)

app_name = "forum"
urlpatterns = [
    path("", subforums.subforum_list, name="subforum_list"),
    path("s/<slug:slug>/", subforums.subforum_detail, name="subforum_detail"),
    path(
        "s/<slug:slug>/personas/",
        assignments.subforum_personas,
        name="subforum_personas",
    ),
    path(
        "s/<slug:slug>/personas/change/",
        assignments.subforum_personas_change,
        name="subforum_personas_change",
    ),
    path("s/<slug:slug>/pin/", assignments.subforum_pin, name="subforum_pin"),
    path(
        "personas/<slug:persona_slug>/subforums/",
        assignments.persona_subforums,
        name="persona_subforums",
    ),
    path(
        "personas/<slug:persona_slug>/subforums/change/",
        assignments.persona_subforums_change,
        name="persona_subforums_change",
    ),
    path("s/<slug:slug>/new/", topics.topic_create, name="topic_create"),
    re_path(
        r"^t/(?P<slug>[-a-z0-9_]+)-(?P<topic_id>[0-9]{1,18})/$",
        topics.topic_detail,
        name="topic_detail",
    ),
    path("live/topics/<int:topic_id>/", live.topic_stream, name="topic_stream"),
    path("posts/<int:post_id>/reply/", posts.reply_create, name="reply_create"),
    path("posts/<int:post_id>/edit/", posts.post_edit, name="post_edit"),
    path("posts/<int:post_id>/delete/", posts.post_delete, name="post_delete"),
    path("posts/<int:post_id>/history/", posts.post_history, name="post_history"),
    path("posts/<int:post_id>/ask/", asks.ask_create, name="ask_create"),
    path("posts/images/<int:image_id>/", images.image_detail, name="image_detail"),
    path("posts/images/kept/<str:token>/", images.kept_image, name="kept_image"),
    path("posts/preview/", posts.post_preview, name="post_preview"),
    path("asks/<uuid:ask_id>/", asks.ask_detail, name="ask_detail"),
    path("asks/<uuid:ask_id>/cancel/", asks.ask_cancel, name="ask_cancel"),
    path("asks/<uuid:ask_id>/retry/", asks.ask_retry, name="ask_retry"),
    path("notices/", notices.notice_list, name="notice_list"),
    path("notices/see/", notices.notices_see, name="notices_see"),
    path("notices/count/", notices.notice_count, name="notice_count"),
    path("personas/<slug:persona_slug>/ask/", personas.persona_ask, name="persona_ask"),
    path(
        "personas/<slug:persona_slug>/versions/<int:number>/posts/",
        personas.version_posts,
        name="version_posts",
    ),
    path("u/<slug:handle>/posts/", subforums.member_posts, name="member_posts"),
]
