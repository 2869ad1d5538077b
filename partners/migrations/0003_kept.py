"""Parents proved once a statement instead of once a row, and partners and keys never deleted.

A foreign key's own check runs for each row when the transaction commits and locks the parent: all
payouts, events and deliveries of a partner would lock its one row together. `prove_parents(column,
parent[, key])` asks the same of a whole set of new rows; whoever uses it forbids deletes of the parent.
"""

from django.db import migrations

TABLES = ("partners_partner", "partners_apikey")
SQL = """
CREATE FUNCTION partners_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: others name these rows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION partners_prove_parents() RETURNS trigger LANGUAGE plpgsql
SET enable_mergejoin = off AS $$
DECLARE orphan text;
BEGIN
    EXECUTE format('SELECT n.key FROM (SELECT DISTINCT %I AS key FROM new_rows) n
                    WHERE NOT EXISTS (SELECT FROM %I p WHERE p.%I = n.key) LIMIT 1',
                   TG_ARGV[0], TG_ARGV[1], coalesce(TG_ARGV[2], 'id')) INTO orphan;
    IF orphan IS NOT NULL THEN
        RAISE EXCEPTION '% %: there is no % %', TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1], orphan
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
""" + "".join(
    f"CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION partners_refuse();\n"
    for table in TABLES
)
REVERSE = (
    "".join(f"DROP TRIGGER kept ON {table};" for table in TABLES)
    + "DROP FUNCTION partners_refuse(); DROP FUNCTION partners_prove_parents();"
)


class Migration(migrations.Migration):
    dependencies = [("partners", "0002_history_actor")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
