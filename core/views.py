"""Files that people uploaded."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from core import images


@require_safe
def avatar(request: HttpRequest, file_name: str) -> HttpResponse:
    """A picture by its name, which is a hash of it: it never changes."""
    picture = images.read_avatar(file_name)
    if picture is None:
        raise Http404
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(picture, content_type="image/webp", headers=headers)
