from typing import Any

from django.db import migrations

from core.handles import skeleton

_AT_ONCE = 500


def fill(apps: Any, schema_editor: Any) -> None:
    Persona = apps.get_model("personas", "Persona")
    unfilled = Persona.objects.filter(name_skeleton="").only("name")
    for persona in unfilled.iterator(chunk_size=_AT_ONCE):
        Persona.objects.filter(pk=persona.pk).update(
            name_skeleton=skeleton(persona.name)
        )


class Migration(migrations.Migration):
    """The look-alikes of the names that are there already."""

    dependencies = [("personas", "0010_name_skeleton")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
