from django.db import migrations, models


def _wide() -> models.DecimalField:
    return models.DecimalField(decimal_places=8, default=0, max_digits=24)


class Migration(migrations.Migration):
    dependencies = [("queue", "0012_declined")]

    # More digits before the point alone: PostgreSQL rewrites no row for that.
    operations = [
        migrations.AlterField("reservation", "cost_usd", _wide()),
        migrations.AlterField("spendbucket", "reserved_usd", _wide()),
        migrations.AlterField("spendbucket", "used_usd", _wide()),
    ]
