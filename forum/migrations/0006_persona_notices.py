import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("forum", "0005_pictures"),
        ("personas", "0011_fill_name_skeleton"),
    ]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="persona",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                to="personas.persona",
            ),
        ),
        migrations.AlterField(
            model_name="notice",
            name="ask",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                to="forum.ask",
            ),
        ),
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ready", "answered"),
                    ("failed", "could not answer"),
                    ("cancelled", "will not answer"),
                    ("shapes", "is yours to shape"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ask__isnull", True), ("persona__isnull", True), _connector="XOR"
                ),
                name="forum_notice_of_ask_or_persona",
            ),
        ),
    ]
