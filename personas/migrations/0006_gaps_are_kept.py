from django.db import migrations


class Migration(migrations.Migration):
    """What a version says it does not know is never edited either."""

    dependencies = [("personas", "0005_personas_written_and_shared")]

    operations = [
        migrations.RunSQL(
            sql="""
                CREATE OR REPLACE FUNCTION personas_version_stays() RETURNS trigger AS $$
                BEGIN
                    IF (NEW.persona_id, NEW.number, NEW.created_at)
                        IS DISTINCT FROM (OLD.persona_id, OLD.number, OLD.created_at)
                    OR NEW.role NOT IN (OLD.role, '')
                    OR NEW.instructions NOT IN (OLD.instructions, '')
                    OR NEW.context NOT IN (OLD.context, '')
                    OR NEW.voice NOT IN (OLD.voice, '')
                    OR NEW.note NOT IN (OLD.note, '')
                    OR NEW.knowledge NOT IN (OLD.knowledge, '[]')
                    OR NEW.gaps NOT IN (OLD.gaps, '[]')
                    OR NEW.constraints NOT IN (OLD.constraints, '[]')
                    OR NEW.sample_queries NOT IN (OLD.sample_queries, '[]')
                    OR NEW.tools NOT IN (OLD.tools, '[]')
                    THEN
                        RAISE EXCEPTION 'persona version % is never edited', OLD.id
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NEW;
                END $$ LANGUAGE plpgsql;
            """,
            reverse_sql="""
                CREATE OR REPLACE FUNCTION personas_version_stays() RETURNS trigger AS $$
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
            """,
        ),
    ]
