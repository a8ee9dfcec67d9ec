"""All addresses."""

from django.urls import include, path

from forllm.views import favicon, healthz, robots

handler500 = "forllm.views.server_error"
urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("robots.txt", robots),
    path("favicon.ico", favicon),
    path("accounts/", include("allauth.urls")),
    path("", include("accounts.urls")),
    path("", include("llmconfig.urls")),
    path("", include("forum.urls")),
]
