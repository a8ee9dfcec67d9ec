from django.apps import AppConfig


class ForumConfig(AppConfig):
    name = "forum"

    def ready(self) -> None:
        from forum.replies import ReplyHandler
        from llmqueue import handlers

        handlers.register(ReplyHandler())
