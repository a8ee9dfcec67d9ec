from django.urls import path

from accounts import views

app_name = "accounts"
urlpatterns = [
    path("u/<slug:handle>/", views.member_detail, name="member_detail"),
    path("settings/", views.profile_edit, name="profile_edit"),
    path("settings/audit/", views.audit_list, name="audit_list"),
    path("signin/<str:key>/<str:token>/", views.signin_link, name="signin_link"),
]
