from django.apps import AppConfig


class LlmQueueConfig(AppConfig):
    name = "llmqueue"
    label = "queue"
    verbose_name = "Queue"

    def ready(self) -> None:
        from llmconfig.uses import register_use
        from llmqueue.models import LLMAttempt, LLMRequest

        register_use(
            LLMRequest, "request, waiting or answered", "requests, waiting or answered"
        )
        register_use(LLMAttempt, "call on record", "calls on record")
