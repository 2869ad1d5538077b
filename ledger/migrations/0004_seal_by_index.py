"""Prove a journal by its own postings alone.

`EXISTS` over a table whose journals hold thousands of lines each was planned as a scan of the whole
table until the first match, and a new journal's lines are the last of it: half a second a commit
with a million payouts stored.
"""

from django.db import migrations

BY_INDEX = """
CREATE OR REPLACE FUNCTION ledger_seal_journal() RETURNS trigger LANGUAGE plpgsql
    SET enable_seqscan = off AS $$
DECLARE
    worst record;
BEGIN
    SELECT reference, currency, sum(amount_minor) AS off INTO worst
      FROM ledger_posting WHERE journal_id = NEW.id
     GROUP BY reference, currency ORDER BY sum(amount_minor) <> 0 DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'journal % has no postings', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_journal_balanced';
    END IF;
    IF worst.off <> 0 THEN
        RAISE EXCEPTION 'journal % is off by % minor units of % for %', NEW.id, worst.off, worst.currency, worst.reference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_journal_balanced';
    END IF;
    UPDATE ledger_journal SET is_sealed = true WHERE id = NEW.id;
    RETURN NULL;
END $$;
"""
BY_ANY_PLAN = """
CREATE OR REPLACE FUNCTION ledger_seal_journal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken record;
BEGIN
    SELECT reference, currency, sum(amount_minor) AS off INTO broken
      FROM ledger_posting WHERE journal_id = NEW.id
     GROUP BY reference, currency HAVING sum(amount_minor) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % is off by % minor units of % for %', NEW.id, broken.off, broken.currency, broken.reference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_journal_balanced';
    END IF;
    IF NOT EXISTS (SELECT FROM ledger_posting WHERE journal_id = NEW.id) THEN
        RAISE EXCEPTION 'journal % has no postings', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_journal_balanced';
    END IF;
    UPDATE ledger_journal SET is_sealed = true WHERE id = NEW.id;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_room_for_updates")]
    operations = [migrations.RunSQL(BY_INDEX, BY_ANY_PLAN)]
