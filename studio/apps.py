from django.apps import AppConfig


class StudioConfig(AppConfig):
    name = "studio"

    def ready(self) -> None:
        from llmqueue import handlers
        from personas.erasing import register_eraser
        from studio.services.trials import erase_copies
        from studio.trials import TrialHandler

        handlers.register(TrialHandler())
        register_eraser(lambda source: erase_copies(source=source))
