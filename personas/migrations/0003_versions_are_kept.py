from django.db import migrations


class Migration(migrations.Migration):
    """A persona's current version is one of its own, and what a version says stays so.

    A text may become empty, for what has to be erased.
    """

    dependencies = [("personas", "0002_builtins")]

    operations = [
        migrations.RunSQL(
            sql="""
                ALTER TABLE personas_personaversion
                ADD CONSTRAINT personas_version_with_persona UNIQUE (id, persona_id);
                ALTER TABLE personas_persona
                ADD CONSTRAINT personas_persona_current_version_is_own
                FOREIGN KEY (current_version_id, id)
                REFERENCES personas_personaversion (id, persona_id)
                DEFERRABLE INITIALLY DEFERRED;
            """,
            reverse_sql="""
                ALTER TABLE personas_persona
                DROP CONSTRAINT personas_persona_current_version_is_own;
                ALTER TABLE personas_personaversion
                DROP CONSTRAINT personas_version_with_persona;
            """,
        ),
        migrations.RunSQL(
            sql="""
                CREATE FUNCTION personas_version_stays() RETURNS trigger AS $$
                BEGIN
                    IF (NEW.persona_id, NEW.number, NEW.created_at)
                        IS DISTINCT FROM (OLD.persona_id, OLD.number, OLD.created_at)
                    OR NEW.role NOT IN (OLD.role, '')
                    OR NEW.instructions NOT IN (OLD.instructions, '')
                    OR NEW.context NOT IN (OLD.context, '')
                    OR NEW.voice NOT IN (OLD.voice, '')
                    OR NEW.note NOT IN (OLD.note, '')
                    OR NEW.knowledge NOT IN (OLD.knowledge, '[]')
                    OR NEW.constraints NOT IN (OLD.constraints, '[]')
                    OR NEW.sample_queries NOT IN (OLD.sample_queries, '[]')
                    OR NEW.tools NOT IN (OLD.tools, '[]')
                    THEN
                        RAISE EXCEPTION 'persona version % is never edited', OLD.id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                END $$ LANGUAGE plpgsql;
                CREATE TRIGGER personas_version_stays
                BEFORE UPDATE ON personas_personaversion FOR EACH ROW
                EXECUTE FUNCTION personas_version_stays();
            """,
            reverse_sql="""
                DROP TRIGGER personas_version_stays ON personas_personaversion;
                DROP FUNCTION personas_version_stays();
            """,
        ),
    ]
