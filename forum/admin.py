"""The forum in the admin: subforums and their personas are set up here.

What people wrote is read on its page and changed by its services, which keep counters,
trees and histories whole; so texts are not here.
"""

from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey
from django.http import HttpRequest

from accounts.access import member_of
from accounts.admin_site import ReadOnlyAdmin, RecordedAdmin
from forum.models import (
    Ask,
    Notice,
    Post,
    PostImage,
    PostRevision,
    Subforum,
    SubforumPersona,
    Topic,
)
from personas.models import Persona


@admin.register(Subforum)
class SubforumAdmin(RecordedAdmin):
    list_display = ("name", "slug", "position", "profile", "topics_count")
    list_select_related = ("profile",)
    ordering = ("position", "pk")
    readonly_fields = ("topics_count", "posts_count", "last_topic")
    search_fields = ("name", "slug")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an empty one; its topics would have to go somewhere."""
        return obj is None or not obj.topics.exists()


@admin.register(SubforumPersona)
class SubforumPersonaAdmin(RecordedAdmin):
    list_display = ("subforum", "persona", "is_default", "assigned_by", "assigned_at")
    list_filter = ("subforum",)
    list_select_related = ("subforum", "persona", "assigned_by__handle")
    readonly_fields = ("assigned_by", "assigned_at")
    search_fields = ("subforum__name", "persona__name")

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.related_model is Persona:
            # Whom every reader of the subforum may ask.
            kwargs["queryset"] = Persona.objects.usable_by(None).order_by("name")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Any, form: Any, change: bool
    ) -> None:
        if not change:
            obj.assigned_by = member_of(request.user)
        super().save_model(request, obj, form, change)


@admin.register(Topic)
class TopicAdmin(ReadOnlyAdmin):
    list_display = ("title", "subforum", "author", "posts_count", "last_post_at")
    list_filter = ("subforum",)
    list_select_related = ("subforum", "author__handle")
    member_field = "author"
    search_fields = ("title",)
    search_help_text = "Words of the title, or @handle of the author."


@admin.register(Post)
class PostAdmin(ReadOnlyAdmin):
    exclude = ("body", "html", "submission")
    list_display = ("__str__", "topic", "author", "persona_version", "created_at")
    list_select_related = ("topic", "author__handle", "persona_version__persona")
    member_field = "author"
    search_fields = ("topic__pk__exact",)
    search_help_text = "A topic's number, or @handle of the author."


@admin.register(PostImage)
class PostImageAdmin(ReadOnlyAdmin):
    exclude = ("file", "alt")
    list_display = ("__str__", "post", "width", "height")
    list_select_related = ("post",)
    search_fields = ("post__pk__exact",)
    search_help_text = "A post's number."


@admin.register(PostRevision)
class PostRevisionAdmin(ReadOnlyAdmin):
    exclude = ("body",)
    list_display = ("post", "replaced_by", "replaced_at")
    list_select_related = ("post", "replaced_by__handle")
    member_field = "replaced_by"
    search_fields = ("post__pk__exact",)
    search_help_text = "A post's number, or @handle of the editor."


@admin.register(Ask)
class AskAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "request", "reply", "created_at")
    list_select_related = ("request", "reply")
    search_fields = ("request__public_id__exact",)
    search_help_text = "A request's id."


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("user", "kind", "ask", "persona", "created_at", "seen_at")
    list_filter = ("kind",)
    list_select_related = ("user__handle", "ask", "persona")
    member_field = "user"
    search_fields = ("ask__pk__exact",)
    search_help_text = "An ask's number, or @handle."
