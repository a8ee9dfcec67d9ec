from django.apps import AppConfig


class LlmQueueConfig(AppConfig):
    name = "llmqueue"
    label = "queue"
    verbose_name = "Queue"
