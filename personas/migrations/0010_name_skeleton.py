from django.db import migrations, models


class Migration(migrations.Migration):
    """What a persona's name shares with its look-alikes, so that the database finds them."""

    dependencies = [("personas", "0009_own_names_by_owner")]

    operations = [
        migrations.AddField(
            model_name="persona",
            name="name_skeleton",
            field=models.TextField(db_default="", editable=False),
        ),
        migrations.AddIndex(
            model_name="persona",
            index=models.Index(
                condition=models.Q(("is_active", True), ("visibility", "public")),
                fields=["name_skeleton"],
                name="personas_public_by_skeleton",
            ),
        ),
    ]
