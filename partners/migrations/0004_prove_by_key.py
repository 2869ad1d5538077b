"""Each new row's parent is looked up by its key, whatever the statistics say.

As a join it could read all parents for each new row, where a table was known as empty and is not
any more.
"""

from django.db import migrations

SQL = """
CREATE OR REPLACE FUNCTION partners_prove_parents() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE orphan text;
BEGIN
    EXECUTE format('SELECT n.key FROM (SELECT DISTINCT %I AS key FROM new_rows) n
                    WHERE n.key IS NOT NULL AND (SELECT true FROM %I p WHERE p.%I = n.key) IS NULL LIMIT 1',
                   TG_ARGV[0], TG_ARGV[1], coalesce(TG_ARGV[2], 'id')) INTO orphan;
    IF orphan IS NOT NULL THEN
        RAISE EXCEPTION '% %: there is no % %', TG_TABLE_NAME, TG_ARGV[0], TG_ARGV[1], orphan
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
"""
REVERSE = """
CREATE OR REPLACE FUNCTION partners_prove_parents() RETURNS trigger LANGUAGE plpgsql
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
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0003_kept")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
