from django.db import migrations


class Migration(migrations.Migration):
    """A request that has ended never changes its status again."""

    dependencies = [("queue", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="""
                CREATE FUNCTION queue_final_stays_final() RETURNS trigger AS $$
                BEGIN
                    RAISE EXCEPTION 'request % is % and stays so', OLD.id, OLD.status
                        USING ERRCODE = 'check_violation';
                END $$ LANGUAGE plpgsql;
                CREATE TRIGGER queue_final_stays_final
                BEFORE UPDATE OF status ON queue_llmrequest FOR EACH ROW
                WHEN (OLD.status IN ('complete', 'error', 'cancelled')
                      AND NEW.status <> OLD.status)
                EXECUTE FUNCTION queue_final_stays_final();
            """,
            reverse_sql="""
                DROP TRIGGER queue_final_stays_final ON queue_llmrequest;
                DROP FUNCTION queue_final_stays_final();
            """,
        ),
    ]
