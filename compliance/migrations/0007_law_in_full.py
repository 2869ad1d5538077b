"""What nobody may change, for all tables of compliance; the decision chain's second format.

Format 2 of the chain hashes, after the columns of format 1: stage, about, four_eyes, bulk_id and
opened_at (see `compliance/services/chain.py`). Rows of format 1 keep their hashes.
"""

import django.db.models.deletion
from django.db import migrations, models

CARRY = """
-- A column's new type is written without triggers, so that closed cases and their history stay closed.
ALTER TABLE compliance_case ALTER COLUMN rank_at TYPE timestamptz USING coalesce(rank_at, due_at);
ALTER TABLE compliance_historicalcase ALTER COLUMN rank_at TYPE timestamptz USING coalesce(rank_at, due_at);
"""

SQL = """
CREATE OR REPLACE FUNCTION compliance_chain_decision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('compliance_decision'), 1);
    SELECT position, hash INTO last FROM compliance_decision ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(last.position, 0) + 1;
    NEW.format := 2;
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
        || compliance_netstring(((extract(epoch FROM NEW.decided_at) * 1000000)::bigint)::text)
        || compliance_netstring(NEW.stage) || compliance_netstring(NEW.about_id)
        || compliance_netstring(array_to_string(NEW.four_eyes, ',')) || compliance_netstring(NEW.bulk_id)
        || compliance_netstring(((extract(epoch FROM NEW.opened_at) * 1000000)::bigint)::text), 'UTF8'));
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION compliance_guard_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('open', 'second') THEN
        RAISE EXCEPTION 'case % is closed and stays as it is', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_closed_stays';
    END IF;
    IF (NEW.id, NEW.payout_id, NEW.partner_id, NEW.run_id, NEW.origin, NEW.opened_at)
        IS DISTINCT FROM (OLD.id, OLD.payout_id, OLD.partner_id, OLD.run_id, OLD.origin, OLD.opened_at) THEN
        RAISE EXCEPTION 'case %: what it is about never changes', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_fixed_columns';
    END IF;
    IF NOT (NEW.codes @> OLD.codes) OR (OLD.is_blocked AND NOT NEW.is_blocked) OR NEW.score < OLD.score THEN
        RAISE EXCEPTION 'case %: hits are added and never taken away', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'case_hits_only_grow';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION compliance_write_case_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO compliance_historicalcase
        (id, state, origin, is_blocked, auto, codes, score, assigned_at, heartbeat_at, escalated_at, escalated_by,
         escalation_note, raised_at, opened_at, due_at, rank_at, closed_at, payout_id, partner_id, run_id, assignee_id,
         history_date, history_change_reason, history_type, history_user_id, actor, request_id)
    SELECT n.id, n.state, n.origin, n.is_blocked, n.auto, n.codes, n.score, n.assigned_at, n.heartbeat_at,
        n.escalated_at, n.escalated_by, n.escalation_note, n.raised_at, n.opened_at, n.due_at, n.rank_at, n.closed_at,
        n.payout_id, n.partner_id, n.run_id, n.assignee_id, clock_timestamp(), left(payouts_context('reason', ''), 100),
        CASE TG_OP WHEN 'INSERT' THEN '+' ELSE '~' END, payouts_context('user_id', NULL)::integer,
        left(payouts_context('actor', 'sql:' || session_user), 80), left(payouts_context('request_id', ''), 64)
    FROM new_rows n ORDER BY n.id;
    RETURN NULL;
END $$;

-- A heartbeat says that somebody still reads: no change worth a row of history.
CREATE FUNCTION compliance_write_case_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO compliance_historicalcase
        (id, state, origin, is_blocked, auto, codes, score, assigned_at, heartbeat_at, escalated_at, escalated_by,
         escalation_note, raised_at, opened_at, due_at, rank_at, closed_at, payout_id, partner_id, run_id, assignee_id,
         history_date, history_change_reason, history_type, history_user_id, actor, request_id)
    SELECT n.id, n.state, n.origin, n.is_blocked, n.auto, n.codes, n.score, n.assigned_at, n.heartbeat_at,
        n.escalated_at, n.escalated_by, n.escalation_note, n.raised_at, n.opened_at, n.due_at, n.rank_at, n.closed_at,
        n.payout_id, n.partner_id, n.run_id, n.assignee_id, clock_timestamp(), left(payouts_context('reason', ''), 100),
        '~', payouts_context('user_id', NULL)::integer,
        left(payouts_context('actor', 'sql:' || session_user), 80), left(payouts_context('request_id', ''), 64)
    FROM new_rows n JOIN old_rows o ON o.id = n.id
    WHERE (to_jsonb(n) - 'heartbeat_at') IS DISTINCT FROM (to_jsonb(o) - 'heartbeat_at') ORDER BY n.id;
    RETURN NULL;
END $$;
DROP TRIGGER history_update ON compliance_case;
CREATE TRIGGER history_update AFTER UPDATE ON compliance_case REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_write_case_change();

CREATE OR REPLACE FUNCTION compliance_withdraw_case() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE compliance_case SET state = 'withdrawn', closed_at = clock_timestamp()
    WHERE payout_id = NEW.id AND state IN ('open', 'second');
    RETURN NULL;
END $$;

-- Revoked, ended, answered or frozen once; what it is about stays.
CREATE FUNCTION compliance_guard_safe_match() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.revoked_at IS NOT NULL OR (NEW.partner_id, NEW.recipient_key, NEW.recipient_name, NEW.account_index,
        NEW.account_last4, NEW.party_id, NEW.party_hash, NEW.reason, NEW.decision_id, NEW.actor, NEW.created_at)
        IS DISTINCT FROM (OLD.partner_id, OLD.recipient_key, OLD.recipient_name, OLD.account_index,
        OLD.account_last4, OLD.party_id, OLD.party_hash, OLD.reason, OLD.decision_id, OLD.actor, OLD.created_at) THEN
        RAISE EXCEPTION 'safe match %: it can only be revoked, once', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'safe_match_only_revoked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_safematch FOR EACH ROW EXECUTE FUNCTION compliance_guard_safe_match();

CREATE FUNCTION compliance_guard_snooze() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR (NEW.partner_id, NEW.rule_code, NEW.until, NEW.comment, NEW.actor, NEW.created_at)
        IS DISTINCT FROM (OLD.partner_id, OLD.rule_code, OLD.until, OLD.comment, OLD.actor, OLD.created_at) THEN
        RAISE EXCEPTION 'snooze %: it can only be ended, once', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'rule_snooze_only_ended';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_rulesnooze FOR EACH ROW EXECUTE FUNCTION compliance_guard_snooze();

CREATE FUNCTION compliance_guard_draft() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.became_id IS NOT NULL THEN
        RAISE EXCEPTION 'draft % became a policy and stays as it was', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_draft_frozen';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_policydraft FOR EACH ROW EXECUTE FUNCTION compliance_guard_draft();

CREATE FUNCTION compliance_guard_blind_review() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.reviewed_at IS NOT NULL OR NEW.decision_id <> OLD.decision_id THEN
        RAISE EXCEPTION 'second look %: it was given and stays', OLD.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'blind_review_given_once';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER guard BEFORE UPDATE ON compliance_blindreview
    FOR EACH ROW EXECUTE FUNCTION compliance_guard_blind_review();
"""
APPEND_ONLY = ("policystep", "autopolicy", "autostep", "watchlistimport")
KEPT = (
    "safematch",
    "rulesnooze",
    "blindreview",
    "policydraft",
    "watchlistparty",
    "watchlistentry",
    "watchlist",
    "rescreenhit",
)
KEEP = "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_{table}
    FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_{table} FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
"""
    for table in APPEND_ONLY
) + "".join(
    f"""
CREATE TRIGGER no_delete BEFORE DELETE ON compliance_{table} FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_{table} FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse();
"""
    for table in KEPT
)


class Migration(migrations.Migration):
    # Going back would leave receipts that no code can read.
    dependencies = [("compliance", "0006_carry_over")]

    operations = [
        migrations.RunSQL(CARRY, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="case",
            name="rank_at",
            field=models.DateTimeField(
                help_text="The queue's order: the due time, drawn nearer by the amount."
            ),
        ),
        migrations.AlterField(
            model_name="historicalcase",
            name="rank_at",
            field=models.DateTimeField(
                help_text="The queue's order: the due time, drawn nearer by the amount."
            ),
        ),
        migrations.AlterField(
            model_name="watchlistentry",
            name="party",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="names",
                to="compliance.watchlistparty",
            ),
        ),
        migrations.RemoveField(model_name="policy", name="publisher"),
        migrations.RemoveField(model_name="watchlistentry", name="kind"),
        migrations.RemoveField(model_name="watchlistentry", name="note"),
        migrations.RemoveField(model_name="watchlistentry", name="subject"),
        migrations.RemoveField(model_name="watchlistentry", name="watchlist"),
        migrations.RunSQL(SQL + KEEP),
    ]
