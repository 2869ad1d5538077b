"""What the decision services promise, held by the database as well: a second officer is another
person than the first, and a proposal lapses when a later screening adds a hit to its case.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION compliance_guard_answer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE about record;
BEGIN
    IF NEW.stage NOT IN ('confirmed', 'declined') THEN
        RETURN NEW;
    END IF;
    SELECT stage, kind, case_id, user_id INTO about FROM compliance_decision WHERE id = NEW.about_id;
    IF NOT FOUND OR about.stage <> 'proposed' OR about.kind <> NEW.kind OR about.case_id <> NEW.case_id THEN
        RAISE EXCEPTION 'decision %: answers no proposal of its case', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_answers_a_proposal';
    END IF;
    IF NEW.user_id IS NULL OR about.user_id IS NULL OR NEW.user_id = about.user_id THEN
        RAISE EXCEPTION 'decision %: the second officer is another person than the first', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'decision_four_eyes';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER a_guard_answer BEFORE INSERT ON compliance_decision
    FOR EACH ROW EXECUTE FUNCTION compliance_guard_answer();

CREATE FUNCTION compliance_lapse_proposal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.state := 'open';
    NEW.assignee_id := NULL;
    NEW.assigned_at := NULL;
    NEW.heartbeat_at := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER lapse_proposal BEFORE UPDATE ON compliance_case FOR EACH ROW
    WHEN (OLD.state = 'second' AND NEW.state = 'second' AND (NEW.raised_at IS DISTINCT FROM OLD.raised_at
        OR NEW.score <> OLD.score OR NEW.codes <> OLD.codes OR NEW.is_blocked <> OLD.is_blocked))
    EXECUTE FUNCTION compliance_lapse_proposal();
"""
REVERSE = """
DROP TRIGGER lapse_proposal ON compliance_case; DROP FUNCTION compliance_lapse_proposal();
DROP TRIGGER a_guard_answer ON compliance_decision; DROP FUNCTION compliance_guard_answer();
"""


class Migration(migrations.Migration):
    dependencies = [("compliance", "0009_policy_draft_editors")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
