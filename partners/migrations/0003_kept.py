"""Partners and keys are never deleted: hot tables name them without a foreign key's check.

A check of each new payout, event and delivery against the one row of its partner would make every
transaction lock that row together with all the others.
"""

from django.db import migrations

TABLES = ("partners_partner", "partners_apikey")
SQL = """
CREATE FUNCTION partners_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: others name these rows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
""" + "".join(
    f"CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION partners_refuse();\n"
    for table in TABLES
)
REVERSE = (
    "".join(f"DROP TRIGGER kept ON {table};" for table in TABLES) + "DROP FUNCTION partners_refuse();"
)


class Migration(migrations.Migration):
    dependencies = [("partners", "0002_history_actor")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
