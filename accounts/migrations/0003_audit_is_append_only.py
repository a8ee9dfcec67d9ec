from django.db import migrations


class Migration(migrations.Migration):
    """What was written down stays as it was; the database holds that."""

    dependencies = [("accounts", "0002_audit_event")]

    operations = [
        migrations.RunSQL(
            sql="""
                CREATE FUNCTION accounts_audit_refuse() RETURNS trigger
                LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION 'audit events are never changed or deleted';
                END $$;
                CREATE TRIGGER accounts_audit_append_only
                BEFORE UPDATE OR DELETE ON accounts_auditevent
                FOR EACH ROW EXECUTE FUNCTION accounts_audit_refuse();
            """,
            reverse_sql="""
                DROP TRIGGER accounts_audit_append_only ON accounts_auditevent;
                DROP FUNCTION accounts_audit_refuse();
            """,
        ),
    ]
