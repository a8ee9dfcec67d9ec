from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("queue", "0011_breaker"),
    ]

    operations = [
        migrations.AlterField(
            model_name="llmattempt",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("unknown", "Unknown"),
                    ("answered", "Answered"),
                    ("cut_off", "Answered, cut off at the length limit"),
                    ("declined", "Answered, but it reads like a refusal"),
                    ("empty", "Empty answer"),
                    ("refused", "Refused by the model"),
                    ("filtered", "Held back by the provider's filter"),
                    ("malformed", "Answer not understood"),
                    ("too_long", "Too long for the model"),
                    ("rate_limited", "Asked too often"),
                    ("overloaded", "Provider failed"),
                    ("unreachable", "Not reachable"),
                    ("timed_out", "Took too long"),
                    ("key_refused", "Key refused"),
                    ("no_model", "No such model"),
                    ("bad_request", "Request refused by the provider"),
                    ("interrupted", "Interrupted"),
                    ("cancelled", "Cancelled"),
                ],
                default="unknown",
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="simulatedfailure",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("unknown", "Unknown"),
                    ("answered", "Answered"),
                    ("cut_off", "Answered, cut off at the length limit"),
                    ("declined", "Answered, but it reads like a refusal"),
                    ("empty", "Empty answer"),
                    ("refused", "Refused by the model"),
                    ("filtered", "Held back by the provider's filter"),
                    ("malformed", "Answer not understood"),
                    ("too_long", "Too long for the model"),
                    ("rate_limited", "Asked too often"),
                    ("overloaded", "Provider failed"),
                    ("unreachable", "Not reachable"),
                    ("timed_out", "Took too long"),
                    ("key_refused", "Key refused"),
                    ("no_model", "No such model"),
                    ("bad_request", "Request refused by the provider"),
                    ("interrupted", "Interrupted"),
                    ("cancelled", "Cancelled"),
                ],
                max_length=20,
            ),
        ),
    ]
