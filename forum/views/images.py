"""Pictures of posts as files: those of posts, and those of posts still being written."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.access import MemberRequest, member_required
from core import images
from forum.forms.images import read_token
from forum.models import PostImage


@require_safe
def image_detail(request: HttpRequest, image_id: int) -> HttpResponse:
    """A picture, to those who may read its post; its file never changes."""
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
    headers = {
        # In no cache but the reader's own, who may not be allowed to read it for ever.
        "Cache-Control": "private, max-age=86400, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(picture, content_type="image/webp", headers=headers)
