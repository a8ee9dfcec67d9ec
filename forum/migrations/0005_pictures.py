import django.db.models.deletion
from django.db import migrations, models
from django.db.models.constraints import Deferrable


class Migration(migrations.Migration):
    dependencies = [("forum", "0004_notices")]

    operations = [
        migrations.AddField(
            model_name="post",
            name="images_count",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddConstraint(
            model_name="post",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("deleted_at__isnull", True), ("images_count", 0), _connector="OR"
                ),
                name="forum_post_deleted_holds_no_images",
            ),
        ),
        migrations.CreateModel(
            name="PostImage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                ("file", models.CharField(max_length=60, unique=True)),
                ("alt", models.CharField(blank=True, max_length=300)),
                ("width", models.PositiveSmallIntegerField()),
                ("height", models.PositiveSmallIntegerField()),
                (
                    "post",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="images",
                        to="forum.post",
                    ),
                ),
            ],
            options={"ordering": ["position"]},
        ),
        migrations.AddConstraint(
            model_name="postimage",
            constraint=models.UniqueConstraint(
                deferrable=Deferrable.DEFERRED,
                fields=("post", "position"),
                name="forum_image_position_once",
            ),
        ),
    ]
