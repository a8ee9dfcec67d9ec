from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("personas", "0008_imports_count_once"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="persona",
            name="personas_persona_own_name_once",
        ),
    ]
