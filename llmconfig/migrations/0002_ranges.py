import django.core.validators
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("llmconfig", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="llmconfig",
            name="context_posts",
            field=models.PositiveSmallIntegerField(
                default=20,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(200),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="llmconfig",
            name="context_tokens",
            field=models.PositiveIntegerField(
                default=2000,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(1000000),
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="endpoint",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_in_flight__gte", 1)),
                name="llmconfig_endpoint_one_call_at_least",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(("temperature__gte", 0), ("temperature__lte", 2)),
                name="llmconfig_config_temperature_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(("top_p__gte", 0), ("top_p__lte", 1)),
                name="llmconfig_config_top_p_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("frequency_penalty__gte", -2), ("frequency_penalty__lte", 2)
                ),
                name="llmconfig_config_frequency_penalty_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("presence_penalty__gte", -2), ("presence_penalty__lte", 2)
                ),
                name="llmconfig_config_presence_penalty_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("repetition_penalty__gte", 0), ("repetition_penalty__lte", 2)
                ),
                name="llmconfig_config_repetition_penalty_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_tokens__gte", 1)),
                name="llmconfig_config_max_tokens_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("context_posts__gte", 0), ("context_posts__lte", 200)
                ),
                name="llmconfig_config_context_posts_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="llmconfig",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("context_tokens__gte", 0), ("context_tokens__lte", 1000000)
                ),
                name="llmconfig_config_context_tokens_in_range",
            ),
        ),
    ]
