from django.db import migrations


class Migration(migrations.Migration):
    """A post's parent is a post of the same topic; the database holds that."""

    dependencies = [("forum", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="""
                ALTER TABLE forum_post
                ADD CONSTRAINT forum_post_parent_in_same_topic
                FOREIGN KEY (topic_id, parent_number)
                REFERENCES forum_post (topic_id, number)
                DEFERRABLE INITIALLY DEFERRED
            """,
            reverse_sql="""
                ALTER TABLE forum_post
                DROP CONSTRAINT forum_post_parent_in_same_topic
            """,
        ),
    ]
