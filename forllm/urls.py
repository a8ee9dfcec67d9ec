"""All addresses."""

from django.contrib import admin
from django.urls import include, path

from forllm.views import favicon, healthz, robots

handler429 = "forllm.views.too_many"  # of allauth
handler500 = "forllm.views.server_error"
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("robots.txt", robots, name="robots"),
    path("favicon.ico", favicon, name="favicon"),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("", include("core.urls")),
    path("", include("accounts.urls")),
    path("", include("llmconfig.urls")),
    path("", include("studio.urls")),
    path("", include("llmqueue.urls")),
    path("", include("personas.urls")),
    path("", include("forum.urls")),
]
