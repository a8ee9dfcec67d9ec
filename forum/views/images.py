"""Pictures of posts as files: those of posts, and those of posts still being written."""

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.access import MemberRequest, member_required
from core import images
from forum.forms.images import read_token
from forum.models import PostImage

# Not public: what is deleted is to be in no cache between here and the reader.
_MAY_BE_KEPT = "private, max-age=86400, immutable"


@require_safe
def image_detail(request: HttpRequest, image_id: int) -> HttpResponse:
    """A picture, to those who may read its post; its file never changes.

    A browser keeps it only if whoever uses that browser next may read it too.
    """
    open_to_all = PostImage.objects.visible_to(AnonymousUser())
    if picture := open_to_all.filter(pk=image_id).first():
        answer = _file(images.read_picture(picture.file))
        answer["Cache-Control"] = _MAY_BE_KEPT
        return answer
    visible = PostImage.objects.visible_to(request.user)
    return _file(images.read_picture(get_object_or_404(visible, pk=image_id).file))


@require_safe
@member_required
def kept_image(request: MemberRequest, token: str) -> HttpResponse:
    """What a member put beside a text and has not posted yet, for them alone."""
    found = read_token(token, request.user)
    if found is None:
        raise Http404
    return _file(images.read_kept(found[0], owner=request.user.pk))


def _file(picture: bytes | None) -> HttpResponse:
    if picture is None:
        raise Http404
    headers = {"X-Content-Type-Options": "nosniff"}
    return HttpResponse(picture, content_type="image/webp", headers=headers)
