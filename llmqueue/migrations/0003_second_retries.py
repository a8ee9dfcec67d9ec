from django.db import migrations


class Migration(migrations.Migration):
    """Of several retries of one request the first keeps its name; 0004 then allows one.

    Not undone: what the others retried is told by their post as well.
    """

    dependencies = [("queue", "0002_final_stays_final")]

    operations = [
        migrations.RunSQL(
            sql="""
                UPDATE queue_llmrequest later SET retry_of_id = NULL
                FROM queue_llmrequest first
                WHERE first.retry_of_id = later.retry_of_id AND first.id < later.id;
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
