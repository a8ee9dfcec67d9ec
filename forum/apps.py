from django.apps import AppConfig


class ForumConfig(AppConfig):
    name = "forum"

    def ready(self) -> None:
        from accounts import subjects
        from forum.models import Subforum
        from forum.replies import ReplyHandler
        from forum.services import notices
        from llmqueue import handlers
        from personas import newcomers

        handlers.register(ReplyHandler())
        newcomers.register_teller(notices.notify_newcomer)
        subjects.register("subforum", Subforum.objects.visible_to)
