"""What we told a bank and what it told us stays as it was written.

An attempt under another key would be sent, and paid, again; a bank's message that was read is what
the ledger rests on.
"""

from django.db import migrations

SQL = """
CREATE FUNCTION payouts_guard_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% %: what was written of a bank never changes', TG_TABLE_NAME, OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'payout_bank_evidence';
END $$;

CREATE TRIGGER guard_evidence BEFORE UPDATE ON payouts_attempt FOR EACH ROW
    WHEN ((NEW.id, NEW.payout_id, NEW.number, NEW.rail, NEW.bank_key, NEW.end_to_end_id, NEW.payload_hash)
            IS DISTINCT FROM
          (OLD.id, OLD.payout_id, OLD.number, OLD.rail, OLD.bank_key, OLD.end_to_end_id, OLD.payload_hash)
        OR NEW.sends < OLD.sends
        OR (OLD.state = 'settled' AND NEW.state <> 'settled'))
    EXECUTE FUNCTION payouts_guard_evidence();
CREATE TRIGGER guard_evidence BEFORE UPDATE ON payouts_bankcallback FOR EACH ROW
    WHEN ((NEW.id, NEW.rail, NEW.message_id, NEW.headers, NEW.body_sealed, NEW.received_at)
            IS DISTINCT FROM
          (OLD.id, OLD.rail, OLD.message_id, OLD.headers, OLD.body_sealed, OLD.received_at)
        OR OLD.state <> 'stored')
    EXECUTE FUNCTION payouts_guard_evidence();
"""

REVERSE = """
DROP TRIGGER guard_evidence ON payouts_attempt;
DROP TRIGGER guard_evidence ON payouts_bankcallback;
DROP FUNCTION payouts_guard_evidence();
"""


class Migration(migrations.Migration):
    dependencies = [("payouts", "0004_rollups")]

    operations = [migrations.RunSQL(SQL, REVERSE)]
