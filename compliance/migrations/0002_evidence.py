"""What nobody may change: runs, policies and decisions are append-only, decisions are chained,
cases keep history.

The chain: `hash = sha256(text)`, where `text` is the previous row's hash and the row's columns as
netstrings (see `compliance/chain.py`, which recomputes it without this function). The first row
follows the SHA-256 of `atlaspay decision chain`. One advisory lock orders the writers; it is the
last lock a decision takes.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION compliance_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: rows are kept as evidence', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION compliance_netstring(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IS NULL THEN '-,'
        ELSE octet_length(convert_to(value, 'UTF8'))::text || ':' || value || ',' END
$$;

CREATE FUNCTION compliance_chain_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('compliance_decision'), 1);
    SELECT position, hash INTO last FROM compliance_decision ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(last.position, 0) + 1;
    NEW.prev_hash := coalesce(last.hash, sha256('atlaspay decision chain'));
    NEW.decided_at := clock_timestamp();
    NEW.facts_hash := sha256(convert_to(NEW.evidence::text, 'UTF8'));
    NEW.hash := sha256(convert_to(
        compliance_netstring(encode(NEW.prev_hash, 'hex')) || compliance_netstring(NEW.position::text)
        || compliance_netstring(NEW.id) || compliance_netstring(NEW.case_id) || compliance_netstring(NEW.payout_id)
        || compliance_netstring(NEW.kind) || compliance_netstring(NEW.reason_code)
        || compliance_netstring(NEW.internal_text) || compliance_netstring(NEW.partner_text)
        || compliance_netstring(NEW.actor) || compliance_netstring(NEW.user_id::text)
        || compliance_netstring(NEW.before::text) || compliance_netstring(NEW.after::text)
        || compliance_netstring(encode(NEW.facts_hash, 'hex')) || compliance_netstring(NEW.policy_id::text)
        || compliance_netstring(NEW.request_id)
        || compliance_netstring(((extract(epoch FROM NEW.decided_at) * 1000000)::bigint)::text), 'UTF8'));
    RETURN NEW;
END $$;

CREATE TRIGGER chain BEFORE INSERT ON compliance_decision FOR EACH ROW EXECUTE FUNCTION compliance_chain_decision();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_decision
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_decision
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER c_parent_payout_id AFTER INSERT ON compliance_screeningrun REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('payout_id', 'payouts_payout');
CREATE TRIGGER c_parent_policy_id AFTER INSERT ON compliance_screeningrun REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('policy_id', 'compliance_policy', 'number');
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_screeningrun
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_screeningrun
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_policy
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_policy
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_historicalcase
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_historicalcase
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_delete BEFORE DELETE ON compliance_case FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_case
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();

CREATE FUNCTION compliance_guard_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state <> 'open' THEN
        RAISE EXCEPTION 'case % is closed and stays as it is', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_closed_stays';
    END IF;
    IF (NEW.id, NEW.payout_id, NEW.partner_id, NEW.opened_at)
        IS DISTINCT FROM (OLD.id, OLD.payout_id, OLD.partner_id, OLD.opened_at) THEN
        RAISE EXCEPTION 'case %: what it is about never changes', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_fixed_columns';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_case FOR EACH ROW EXECUTE FUNCTION compliance_guard_case();

CREATE FUNCTION compliance_write_case_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO compliance_historicalcase
        (id, state, codes, score, assigned_at, opened_at, due_at, closed_at, payout_id, partner_id, run_id, assignee_id,
         history_date, history_change_reason, history_type, history_user_id, actor, request_id)
    SELECT n.id, n.state, n.codes, n.score, n.assigned_at, n.opened_at, n.due_at, n.closed_at, n.payout_id,
        n.partner_id, n.run_id, n.assignee_id, clock_timestamp(), left(payouts_context('reason', ''), 100),
        CASE TG_OP WHEN 'INSERT' THEN '+' ELSE '~' END, payouts_context('user_id', NULL)::integer,
        left(payouts_context('actor', 'sql:' || session_user), 80), left(payouts_context('request_id', ''), 64)
    FROM new_rows n ORDER BY n.id;
    RETURN NULL;
END $$;
CREATE TRIGGER history_insert AFTER INSERT ON compliance_case REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_write_case_history();
CREATE TRIGGER history_update AFTER UPDATE ON compliance_case REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_write_case_history();

-- A partner may cancel what waits for an officer: its case closes in the same transaction, whoever writes.
CREATE FUNCTION compliance_withdraw_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE compliance_case SET state = 'withdrawn', closed_at = clock_timestamp()
    WHERE payout_id = NEW.id AND state = 'open';
    RETURN NULL;
END $$;
CREATE TRIGGER c_withdraw_case AFTER UPDATE OF state ON payouts_payout FOR EACH ROW
    WHEN (OLD.state = 'in_review' AND NEW.state = 'canceled') EXECUTE FUNCTION compliance_withdraw_case();
"""

REVERSE = """
DROP TRIGGER c_withdraw_case ON payouts_payout;
DROP TRIGGER chain ON compliance_decision;
DROP TRIGGER c_parent_payout_id ON compliance_screeningrun; DROP TRIGGER c_parent_policy_id ON compliance_screeningrun;
DROP TRIGGER append_only ON compliance_decision; DROP TRIGGER no_truncate ON compliance_decision;
DROP TRIGGER append_only ON compliance_screeningrun; DROP TRIGGER no_truncate ON compliance_screeningrun;
DROP TRIGGER append_only ON compliance_policy; DROP TRIGGER no_truncate ON compliance_policy;
DROP TRIGGER append_only ON compliance_historicalcase; DROP TRIGGER no_truncate ON compliance_historicalcase;
DROP TRIGGER no_delete ON compliance_case; DROP TRIGGER no_truncate ON compliance_case;
DROP TRIGGER guard ON compliance_case;
DROP TRIGGER history_insert ON compliance_case; DROP TRIGGER history_update ON compliance_case;
DROP FUNCTION compliance_withdraw_case(); DROP FUNCTION compliance_write_case_history();
DROP FUNCTION compliance_guard_case(); DROP FUNCTION compliance_chain_decision();
DROP FUNCTION compliance_netstring(text); DROP FUNCTION compliance_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0001_initial"), ("payouts", "0002_payout_law")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
