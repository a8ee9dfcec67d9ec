from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_only_staff_assign"),
        # It carries the switch over.
        ("queue", "0009_site_switch_is_a_stop"),
    ]

    operations = [
        migrations.RemoveField(model_name="sitesettings", name="ai_enabled"),
    ]
