from django.apps import AppConfig


class ForllmConfig(AppConfig):
    name = "forllm"

    def ready(self) -> None:
        # Makes our Celery application the current one, so that tasks find its broker.
        # Not in forllm/__init__.py: `manage.py up` stays small without Celery.
        import forllm.celery  # noqa: F401
