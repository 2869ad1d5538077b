"""The access log is evidence: rows are added and nothing else."""

from django.db import migrations

SQL = """
CREATE FUNCTION core_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: rows are kept as evidence', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON core_accessevent
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse();
"""

REVERSE = """
DROP TRIGGER append_only ON core_accessevent;
DROP FUNCTION core_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_access")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
