from django.apps import AppConfig


class LlmQueueConfig(AppConfig):
    name = "llmqueue"
    label = "queue"
    verbose_name = "Queue"

    def ready(self) -> None:
        from llmconfig.uses import register_use
        from llmqueue.models import DailyUsage, LLMAttempt, LLMRequest
        from llmqueue.services import erase
        from personas.erasing import register_eraser

        register_use(
            LLMRequest,
            "request, waiting or answered",
            "requests, waiting or answered",
            is_record=True,
        )
        register_use(LLMAttempt, "call on record", "calls on record", is_record=True)
        register_use(
            DailyUsage, "sum of a day's use", "sums of a day's use", is_record=True
        )
        register_eraser(lambda source: erase(source=source))
