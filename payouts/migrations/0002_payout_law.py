"""The law in the database: legal moves, fixed columns, history by statement, nothing deleted.

The history trigger fills django-simple-history's table from the statement's transition tables;
actor, reason and request come from `set_config(…, true)` of the unit of work, and are `sql:<role>`
where somebody writes past it.
"""

from django.db import migrations

MOVES = [
    ("screening", "queued"),
    ("screening", "in_review"),
    ("screening", "canceled"),
    ("in_review", "queued"),
    ("in_review", "failed"),
    ("in_review", "canceled"),
    ("queued", "in_review"),
    ("queued", "sending"),
    ("queued", "failed"),
    ("queued", "canceled"),
    ("sending", "queued"),
    ("sending", "sent"),
    ("sending", "settled"),
    ("sending", "failed"),
    ("sent", "queued"),
    ("sent", "settled"),
    ("sent", "failed"),
    ("settled", "returned"),
]
FIXED = [
    "batch_id",
    "partner_id",
    "position",
    "reference",
    "amount_minor",
    "currency",
    "recipient_name",
    "recipient_country",
    "account_type",
    "account_bank",
    "account_sealed",
    "account_last4",
    "account_index",
    "description",
    "metadata",
    "rail_requested",
    "execute_at",
    "submitted_at",
]
HISTORY = [
    "id",
    "state",
    "stage",
    "rail",
    "fallback_reason",
    "version",
    "due_at",
    "deadline_at",
    "claim_id",
    "leased_until",
    "attempt_count",
    "failure_code",
    "failure_message",
    "bank_code",
    "returned_minor",
    "event_count",
    "last_event_id",
    "screened_at",
    "reviewed_at",
    "queued_at",
    "sent_at",
    "final_at",
    "updated_at",
]


def _quoted(names: list[str], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in names)


SQL = f"""
CREATE FUNCTION payouts_context(name text, fallback text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('atlaspay.' || name, true), ''), fallback)
$$;

CREATE FUNCTION payouts_write_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO payouts_historicalpayout
        ({_quoted(HISTORY)}, history_date, history_change_reason, history_type, history_user_id, actor, request_id)
    SELECT {_quoted(HISTORY, "n.")}, clock_timestamp(), left(payouts_context('reason', ''), 100),
        CASE TG_OP WHEN 'INSERT' THEN '+' ELSE '~' END, payouts_context('user_id', NULL)::integer,
        left(payouts_context('actor', 'sql:' || session_user), 80), left(payouts_context('request_id', ''), 64)
    FROM new_rows n ORDER BY n.id;
    RETURN NULL;
END $$;

-- Nested loops over transition tables cost 410 ms for 1,000 rows (a hash join: 2 ms), and LIMIT invites them.
CREATE FUNCTION payouts_guard_moves() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off AS $$
DECLARE bad record;
BEGIN
    SELECT o.id, o.state AS old_state, n.state AS new_state INTO bad
    FROM old_rows o LEFT JOIN new_rows n ON n.id = o.id
    WHERE n.id IS NULL
       OR (n.state <> o.state AND (o.state, n.state) NOT IN ({", ".join(f"('{a}', '{b}')" for a, b in MOVES)}))
       OR (n.state = o.state AND n.state IN ('failed', 'canceled', 'returned')
           AND (n.stage, n.failure_code, n.final_at) IS DISTINCT FROM (o.stage, o.failure_code, o.final_at))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout %: % -> % is no legal move', bad.id, bad.old_state, bad.new_state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_legal_moves';
    END IF;
    SELECT o.id INTO bad FROM old_rows o JOIN new_rows n ON n.id = o.id
    WHERE ({_quoted(FIXED, "n.")}) IS DISTINCT FROM ({_quoted(FIXED, "o.")}) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout %: what the partner submitted never changes', bad.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_fixed_columns';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION payouts_guard_start() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT n.id, n.state INTO bad FROM new_rows n WHERE n.state <> 'screening' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'payout %: begins as screening, not %', bad.id, bad.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_legal_moves';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION payouts_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: rows are kept as evidence', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER a_guard_start AFTER INSERT ON payouts_payout REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_guard_start();
CREATE TRIGGER a_guard_moves AFTER UPDATE ON payouts_payout REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_guard_moves();
CREATE TRIGGER b_history_insert AFTER INSERT ON payouts_payout REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_write_history();
CREATE TRIGGER b_history_update AFTER UPDATE ON payouts_payout REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_write_history();
CREATE TRIGGER no_delete BEFORE DELETE ON payouts_payout FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payouts_payout FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payouts_historicalpayout
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payouts_historicalpayout
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON payouts_return
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payouts_return FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_delete BEFORE DELETE ON payouts_attempt FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payouts_attempt FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_delete BEFORE DELETE ON payouts_bankcallback FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payouts_bankcallback
    FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();

-- What a foreign key would prove row by row.
CREATE TRIGGER c_parent_batch_id AFTER INSERT ON payouts_payout REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('batch_id', 'payouts_batch');
CREATE TRIGGER c_parent_partner_id AFTER INSERT ON payouts_payout REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('partner_id', 'partners_partner');
CREATE TRIGGER c_parent_payout_id AFTER INSERT ON payouts_attempt REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('payout_id', 'payouts_payout');
CREATE TRIGGER no_delete BEFORE DELETE ON payouts_batch FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON payouts_batch FOR EACH STATEMENT EXECUTE FUNCTION payouts_refuse();

ALTER TABLE payouts_payout SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE payouts_attempt SET (fillfactor = 80, autovacuum_analyze_scale_factor = 0.05);
"""

REVERSE = """
DROP TRIGGER a_guard_start ON payouts_payout; DROP TRIGGER a_guard_moves ON payouts_payout;
DROP TRIGGER b_history_insert ON payouts_payout; DROP TRIGGER b_history_update ON payouts_payout;
DROP TRIGGER no_delete ON payouts_payout; DROP TRIGGER no_truncate ON payouts_payout;
DROP TRIGGER append_only ON payouts_historicalpayout; DROP TRIGGER no_truncate ON payouts_historicalpayout;
DROP TRIGGER append_only ON payouts_return; DROP TRIGGER no_truncate ON payouts_return;
DROP TRIGGER no_delete ON payouts_attempt; DROP TRIGGER no_truncate ON payouts_attempt;
DROP TRIGGER no_delete ON payouts_bankcallback; DROP TRIGGER no_truncate ON payouts_bankcallback;
DROP TRIGGER c_parent_batch_id ON payouts_payout; DROP TRIGGER c_parent_partner_id ON payouts_payout;
DROP TRIGGER c_parent_payout_id ON payouts_attempt;
DROP TRIGGER no_delete ON payouts_batch; DROP TRIGGER no_truncate ON payouts_batch;
DROP FUNCTION payouts_refuse(); DROP FUNCTION payouts_guard_start(); DROP FUNCTION payouts_guard_moves();
DROP FUNCTION payouts_write_history(); DROP FUNCTION payouts_context(text, text);
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0001_initial"), ("partners", "0003_kept")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
