from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personas", "0006_gaps_are_kept"),
    ]

    operations = [
        migrations.AlterField(
            model_name="personadraft",
            name="role",
            field=models.TextField(blank=True),
        ),
    ]
