from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """A form that is sent twice makes one post."""

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("forum", "0002_parent_in_same_topic"),
    ]

    operations = [
        migrations.AddField(
            model_name="post",
            name="submission",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="post",
            constraint=models.UniqueConstraint(
                fields=("author", "submission"), name="forum_post_submission_once"
            ),
        ),
    ]
