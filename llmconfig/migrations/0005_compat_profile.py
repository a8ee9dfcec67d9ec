from django.db import migrations


def seed(apps, schema_editor):
    """The profile that a site begins with; it points to the default there is, if any."""
    profiles = apps.get_model("llmconfig", "ModelProfile").objects
    configs = apps.get_model("llmconfig", "LLMConfig").objects
    profile, _ = profiles.get_or_create(key="compat")
    if profile.config_id is None:
        profile.config = configs.filter(is_default=True).first()
        profile.save()


class Migration(migrations.Migration):
    dependencies = [
        ("llmconfig", "0004_key_hosts"),
    ]

    # Back there is nothing to do: what it points to may be somebody's choice by now.
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
