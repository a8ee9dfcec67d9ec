from django.apps import AppConfig


class LlmQueueConfig(AppConfig):
    name = "llmqueue"
    label = "queue"
    verbose_name = "Queue"

    def ready(self) -> None:
        from accounts import subjects
        from llmconfig.new_keys import register_new_key
        from llmconfig.uses import register_use
        from llmqueue.failing import try_new_key
        from llmqueue.models import DailyUsage, LLMAttempt, LLMRequest
        from llmqueue.pages.history import visible_to
        from llmqueue.services import erase
        from personas.erasing import register_eraser

        subjects.register(
            "request",
            visible_to,
            key="public_id",
            name_of=lambda it: str(it.public_id)[:8],
        )
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
        register_new_key(lambda endpoint: try_new_key(endpoint=endpoint))
        register_eraser(lambda source: erase(source=source))
