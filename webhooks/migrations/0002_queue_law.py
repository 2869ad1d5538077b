"""What the database itself holds true of the outbox, and how it keeps the queue's indexes small."""

from django.db import migrations

FORWARD = """
ALTER SEQUENCE webhooks_event_position_seq OWNED BY webhooks_event.position;

CREATE FUNCTION webhooks_event_is_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an event is never changed: its bytes may have been signed and sent'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'event_is_immutable';
END $$;
CREATE TRIGGER webhooks_event_immutable BEFORE UPDATE ON webhooks_event
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_event_is_immutable();

-- Deliveries name their endpoint without a foreign key's check, which would lock the one row of a
-- busy endpoint in every transaction: so it is never deleted, only marked so.
CREATE FUNCTION webhooks_endpoint_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: deliveries name these rows', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER kept BEFORE DELETE OR TRUNCATE ON webhooks_endpoint
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_endpoint_is_kept();

-- A queue's partial indexes fill with dead entries; vacuum early and leave room on the page.
ALTER TABLE webhooks_delivery SET (
    fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_cost_delay = 1
);
"""

BACKWARD = """
ALTER TABLE webhooks_delivery RESET (
    fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold,
    autovacuum_vacuum_cost_delay
);
DROP TRIGGER kept ON webhooks_endpoint;
DROP FUNCTION webhooks_endpoint_is_kept();
DROP TRIGGER webhooks_event_immutable ON webhooks_event;
DROP FUNCTION webhooks_event_is_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
