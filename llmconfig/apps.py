from django.apps import AppConfig


class LlmConfigConfig(AppConfig):
    name = "llmconfig"
    verbose_name = "Models"

    def ready(self) -> None:
        from django.urls import reverse

        from accounts import subjects
        from llmconfig.models import Endpoint, LLMConfig

        subjects.register("llmconfig", LLMConfig.objects.usable_by)
        subjects.register(
            "endpoint",
            lambda viewer: Endpoint.objects.all(),
            url_of=lambda it: reverse("llmconfig:endpoint_edit", args=[it.pk]),
        )
