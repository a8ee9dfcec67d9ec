from django.db import migrations


class Migration(migrations.Migration):
    """A persona's default config is the site's, or a member's while it is private."""

    dependencies = [
        ("llmconfig", "0001_initial"),
        ("personas", "0003_versions_are_kept"),
    ]

    operations = [
        migrations.RunSQL(
            sql="""
                CREATE FUNCTION personas_default_config_fits() RETURNS trigger AS $$
                DECLARE
                    config_owner bigint;
                BEGIN
                    SELECT owner_id INTO config_owner
                    FROM llmconfig_llmconfig WHERE id = NEW.default_config_id;
                    IF config_owner IS NOT NULL AND NEW.visibility <> 'private' THEN
                        RAISE EXCEPTION 'persona % cannot have that config', NEW.id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                END $$ LANGUAGE plpgsql;
                CREATE TRIGGER personas_default_config_fits
                BEFORE INSERT OR UPDATE OF default_config_id, visibility
                ON personas_persona FOR EACH ROW
                WHEN (NEW.default_config_id IS NOT NULL)
                EXECUTE FUNCTION personas_default_config_fits();
            """,
            reverse_sql="""
                DROP TRIGGER personas_default_config_fits ON personas_persona;
                DROP FUNCTION personas_default_config_fits();
            """,
        ),
    ]
