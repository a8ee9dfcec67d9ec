from typing import Any

from django.db import migrations

from personas.builtins import install


def add_builtins(apps: Any, schema_editor: Any) -> None:
    install(apps)


class Migration(migrations.Migration):
    """The fallback and the built-in personas. Going back leaves them: they may be edited."""

    dependencies = [("personas", "0001_initial")]

    operations = [migrations.RunPython(add_builtins, migrations.RunPython.noop)]
