from django.urls import path

from core import views

app_name = "core"
urlpatterns = [
    path("media/avatars/<str:file_name>", views.avatar, name="avatar"),
]
