from django.apps import AppConfig


class PersonasConfig(AppConfig):
    name = "personas"

    def ready(self) -> None:
        from core.services import register_name_owner
        from personas.models import Persona

        register_name_owner(Persona.objects.has_name)
