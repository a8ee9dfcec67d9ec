from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import subjects
        from accounts.models import User

        members = User.objects.select_related("handle")
        subjects.register(
            "user", lambda viewer: members.all(), name_of=lambda it: f"@{it}"
        )
