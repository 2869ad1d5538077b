"""Events, deliveries and attempts stay until `prune` removes them through its own door.

The door is a setting of the transaction, and narrow: nothing that still waits, no event or delivery
younger than the 30 days it can be replayed. An attempt is written once; only one that was in doubt
may still be settled.
"""

from django.db import migrations

TABLES = ("webhooks_event", "webhooks_delivery", "webhooks_deliveryattempt")

FORWARD = """
CREATE FUNCTION webhooks_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE refused bool;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        refused := true;
    ELSIF coalesce(current_setting('atlaspay.prune', true), '') <> 'on' THEN
        SELECT EXISTS (SELECT FROM old_rows) INTO refused;
    ELSIF TG_TABLE_NAME = 'webhooks_deliveryattempt' THEN
        SELECT EXISTS (SELECT FROM old_rows o JOIN webhooks_delivery d ON d.id = o.delivery_id
                       WHERE d.state = 'pending' OR d.created_at > now() - interval '30 days')
            INTO refused;
    ELSIF TG_TABLE_NAME = 'webhooks_delivery' THEN
        SELECT EXISTS (SELECT FROM old_rows WHERE state = 'pending'
                       OR created_at > now() - interval '30 days') INTO refused;
    ELSE
        SELECT EXISTS (SELECT FROM old_rows WHERE created_at > now() - interval '30 days')
            INTO refused;
    END IF;
    IF refused THEN
        RAISE EXCEPTION '% of % is refused: only prune removes what is old and has ended',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation', CONSTRAINT = 'kept_until_pruned';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION webhooks_attempt_is_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt % of % is known and never changed', OLD.number, OLD.delivery_id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'attempt_is_written_once';
END $$;
CREATE TRIGGER written_once BEFORE UPDATE ON webhooks_deliveryattempt
    FOR EACH ROW WHEN (OLD.outcome <> 'in_doubt' OR OLD.delivery_id <> NEW.delivery_id
                       OR OLD.number <> NEW.number)
    EXECUTE FUNCTION webhooks_attempt_is_written_once();
""" + "".join(
    f"""
CREATE TRIGGER kept AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_kept();
CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_kept();
"""
    for table in TABLES
)

BACKWARD = (
    "".join(
        f"DROP TRIGGER kept ON {table}; DROP TRIGGER kept_whole ON {table};" for table in TABLES
    )
    + """
DROP TRIGGER written_once ON webhooks_deliveryattempt;
DROP FUNCTION webhooks_attempt_is_written_once();
DROP FUNCTION webhooks_kept();
"""
)


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0004_checks_and_recovery")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
