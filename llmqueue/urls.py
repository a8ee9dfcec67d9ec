from django.urls import path

from llmqueue import views

app_name = "llmqueue"
urlpatterns = [
    path("queue/", views.request_list, name="request_list"),
    path("live/queue/", views.list_stream, name="list_stream"),
    path("live/queue/<uuid:request_id>/", views.request_stream, name="request_stream"),
    path("queue/<uuid:request_id>/", views.request_detail, name="request_detail"),
    path(
        "queue/<uuid:request_id>/cancel/", views.request_cancel, name="request_cancel"
    ),
    path("queue/<uuid:request_id>/retry/", views.request_retry, name="request_retry"),
    path("queue/<uuid:request_id>/prompt/", views.prompt_detail, name="prompt_detail"),
]
