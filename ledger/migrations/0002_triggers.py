"""What the database itself holds: postings join only their own transaction's journal, balances follow, nothing changes.

The functions are SECURITY INVOKER and name their schema by search_path as Django's tables do.
"""

from django.db import migrations

REFUSE_CHANGE = """
CREATE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the books are append-only, correct by a new journal', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', TABLE = TG_TABLE_NAME;
END $$;

CREATE TRIGGER ledger_account_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_posting_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_posting
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_journal_append_only BEFORE DELETE OR TRUNCATE ON ledger_journal
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
-- Sealing, below, is the one change of a journal, and it comes from a trigger.
CREATE TRIGGER ledger_journal_unchanged BEFORE UPDATE ON ledger_journal
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_balance_derived BEFORE INSERT OR UPDATE OR DELETE ON ledger_balance
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION ledger_refuse_change();
CREATE TRIGGER ledger_balance_kept BEFORE TRUNCATE ON ledger_balance
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse_change();
"""

DROP_REFUSE_CHANGE = """
DROP TRIGGER ledger_balance_kept ON ledger_balance;
DROP TRIGGER ledger_balance_derived ON ledger_balance;
DROP TRIGGER ledger_journal_unchanged ON ledger_journal;
DROP TRIGGER ledger_journal_append_only ON ledger_journal;
DROP TRIGGER ledger_posting_append_only ON ledger_posting;
DROP TRIGGER ledger_account_append_only ON ledger_account;
DROP FUNCTION ledger_refuse_change();
"""

# An upsert would check the CHECK on the proposed row (a bare negative delta) before it finds the conflict, so a guarded
# account has its one row from the start and is updated under a lock taken in account order.
OPEN_GUARDED = """
CREATE FUNCTION ledger_open_guarded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_balance (account_id, shard, is_guarded, balance_minor, debit_total, credit_total)
    SELECT id, 0, true, 0, 0, 0 FROM added WHERE is_guarded;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_account_opened AFTER INSERT ON ledger_account REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_open_guarded();
"""

DROP_OPEN_GUARDED = """
DROP TRIGGER ledger_account_opened ON ledger_account;
DROP FUNCTION ledger_open_guarded();
"""

APPLY_POSTINGS = """
CREATE FUNCTION ledger_apply_postings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    broken record;
    facts jsonb;
BEGIN
    SELECT p.journal_id INTO broken
      FROM (SELECT DISTINCT journal_id FROM added) p LEFT JOIN ledger_journal j ON j.id = p.journal_id
     WHERE j.id IS NULL OR j.is_sealed OR j.xid <> pg_current_xact_id()::text::bigint LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % is closed: postings join a journal in the transaction that opened it', broken.journal_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_journal_open';
    END IF;
    SELECT p.account_id, p.currency INTO broken
      FROM (SELECT DISTINCT account_id, currency FROM added) p LEFT JOIN ledger_account a ON a.id = p.account_id
     WHERE a.currency IS DISTINCT FROM p.currency LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'account % does not exist or is not kept in %', broken.account_id, broken.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_currency';
    END IF;

    PERFORM 1 FROM ledger_balance b
      WHERE b.shard = 0 AND b.is_guarded AND b.account_id IN (SELECT account_id FROM added)
      ORDER BY b.account_id FOR UPDATE;
    SELECT a.name, a.currency, b.balance_minor, d.delta INTO broken
      FROM (SELECT account_id, sum(amount_minor)::bigint AS delta FROM added GROUP BY account_id) d
      JOIN ledger_account a ON a.id = d.account_id AND a.is_guarded
      JOIN ledger_balance b ON b.account_id = a.id AND b.shard = 0
     WHERE b.balance_minor + CASE a.normal_side WHEN 'debit' THEN d.delta ELSE -d.delta END < 0
     ORDER BY a.id LIMIT 1;
    IF FOUND THEN
        facts := jsonb_build_object('account', broken.name, 'currency', broken.currency,
            'available_minor', broken.balance_minor,
            'shortfall_minor', abs(broken.delta) - broken.balance_minor);
        RAISE EXCEPTION 'account % would go below zero', broken.name
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_balance_not_negative', DETAIL = facts::text;
    END IF;
    UPDATE ledger_balance b
       SET balance_minor = b.balance_minor + CASE a.normal_side WHEN 'debit' THEN d.delta ELSE -d.delta END,
           debit_total = b.debit_total + d.debits,
           credit_total = b.credit_total + d.credits
      FROM (SELECT account_id, sum(amount_minor)::bigint AS delta,
                   coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::bigint AS debits,
                   coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint AS credits
              FROM added GROUP BY account_id) d
      JOIN ledger_account a ON a.id = d.account_id AND a.is_guarded
     WHERE b.account_id = d.account_id AND b.shard = 0;

    INSERT INTO ledger_balance AS b (account_id, shard, is_guarded, balance_minor, debit_total, credit_total)
    SELECT a.id, pg_backend_pid() % 16, false,
           CASE a.normal_side WHEN 'debit' THEN d.delta ELSE -d.delta END, d.debits, d.credits
      FROM (SELECT account_id, sum(amount_minor)::bigint AS delta,
                   coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::bigint AS debits,
                   coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint AS credits
              FROM added GROUP BY account_id) d
      JOIN ledger_account a ON a.id = d.account_id AND NOT a.is_guarded
     ORDER BY a.id
    ON CONFLICT (account_id, shard) DO UPDATE
       SET balance_minor = b.balance_minor + excluded.balance_minor,
           debit_total = b.debit_total + excluded.debit_total,
           credit_total = b.credit_total + excluded.credit_total;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_posting_applied AFTER INSERT ON ledger_posting REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_apply_postings();
"""

DROP_APPLY_POSTINGS = """
DROP TRIGGER ledger_posting_applied ON ledger_posting;
DROP FUNCTION ledger_apply_postings();
"""

# Sealing shuts the way around: SET CONSTRAINTS IMMEDIATE proves a journal early, and nothing may join it after that.
SEAL_JOURNAL = """
CREATE FUNCTION ledger_seal_journal() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE CONSTRAINT TRIGGER ledger_journal_balanced AFTER INSERT ON ledger_journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_seal_journal();
"""

DROP_SEAL_JOURNAL = """
DROP TRIGGER ledger_journal_balanced ON ledger_journal;
DROP FUNCTION ledger_seal_journal();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [
        migrations.RunSQL(REFUSE_CHANGE, DROP_REFUSE_CHANGE),
        migrations.RunSQL(OPEN_GUARDED, DROP_OPEN_GUARDED),
        migrations.RunSQL(APPLY_POSTINGS, DROP_APPLY_POSTINGS),
        migrations.RunSQL(SEAL_JOURNAL, DROP_SEAL_JOURNAL),
    ]
