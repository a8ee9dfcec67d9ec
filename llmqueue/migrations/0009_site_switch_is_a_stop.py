from typing import Any

import django.db.models.deletion
from django.db import migrations, models


def keep_ai_off(apps: Any, schema_editor: Any) -> None:
    """A site that was switched off stays off, now by a stop."""
    if apps.get_model("core", "SiteSettings").objects.filter(ai_enabled=False).exists():
        apps.get_model("queue", "Stop").objects.get_or_create(
            scope="site", key="", lifted_at=None
        )


def switch_off(apps: Any, schema_editor: Any) -> None:
    stops = apps.get_model("queue", "Stop").objects
    if stops.filter(scope="site", lifted_at=None).exists():
        apps.get_model("core", "SiteSettings").objects.update(ai_enabled=False)


class Migration(migrations.Migration):
    dependencies = [
        ("queue", "0008_default_limits"),
        ("core", "0002_only_staff_assign"),
    ]

    operations = [
        migrations.AddField(
            model_name="llmrequest",
            name="stop",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="held",
                to="queue.stop",
            ),
        ),
        migrations.RunPython(keep_ai_off, switch_off),
    ]
