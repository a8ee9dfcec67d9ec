from django.db import migrations, models


class Migration(migrations.Migration):
    """A failed request is asked again once, whoever presses the button."""

    dependencies = [("queue", "0003_second_retries")]

    operations = [
        migrations.AddConstraint(
            model_name="llmrequest",
            constraint=models.UniqueConstraint(
                fields=["retry_of"], name="queue_llmrequest_one_retry"
            ),
        ),
    ]
