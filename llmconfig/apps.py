from django.apps import AppConfig


class LlmConfigConfig(AppConfig):
    name = "llmconfig"
    verbose_name = "Models"
