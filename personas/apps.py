from django.apps import AppConfig


class PersonasConfig(AppConfig):
    name = "personas"

    def ready(self) -> None:
        from accounts import subjects
        from core.services import register_name_owner
        from llmconfig.uses import register_use
        from personas.models import Persona, PersonaVersion, UserPersonaSettings

        subjects.register("persona", Persona.objects.visible_to)
        subjects.register(
            "personaversion",
            lambda viewer: PersonaVersion.objects.visible_to(viewer).select_related(
                "persona"
            ),
        )

        register_name_owner(Persona.objects.has_name)
        register_use(
            Persona,
            "persona's own model",
            "personas' own models",
            keeps_config="all",
        )
        register_use(
            UserPersonaSettings,
            "member's model for a persona",
            "members' models for a persona",
            keeps_config="site",
        )
