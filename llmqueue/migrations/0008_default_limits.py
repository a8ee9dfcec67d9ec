from django.db import migrations

# What a small site begins with; staff change it in Settings > Limits.
LIMITS = [
    {"scope": "tier", "key": "sample", "period": "total", "requests": 3},
    {"scope": "tier", "key": "verified", "period": "daily", "requests": 100},
    # Against abuse alone: whoever asks on a key of their own pays for it.
    {"scope": "tier", "key": "own_key", "period": "daily", "requests": 500},
    {"scope": "site", "key": "", "period": "daily", "requests": 2000},
]


def add_limits(apps, schema_editor):
    limits = apps.get_model("queue", "SpendLimit").objects
    for row in LIMITS:
        of_row = {name: row[name] for name in ("scope", "key", "period")}
        limits.get_or_create(**of_row, defaults={"requests": row["requests"]})


class Migration(migrations.Migration):
    dependencies = [("queue", "0007_limits_usage_and_stops")]

    # Going back leaves them: staff may have changed them by then.
    operations = [migrations.RunPython(add_limits, migrations.RunPython.noop)]
