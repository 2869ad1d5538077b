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

-- What a foreign key would prove row by row; the other way round, children go before their parent.
CREATE TRIGGER c_parent_partner_id AFTER INSERT ON webhooks_event REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('partner_id', 'partners_partner');
CREATE TRIGGER c_parent_event_id AFTER INSERT ON webhooks_delivery REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('event_id', 'webhooks_event');
CREATE TRIGGER c_parent_endpoint_id AFTER INSERT ON webhooks_delivery REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('endpoint_id', 'webhooks_endpoint');
CREATE TRIGGER c_parent_partner_id AFTER INSERT ON webhooks_delivery REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('partner_id', 'partners_partner');
CREATE TRIGGER c_parent_delivery_id AFTER INSERT ON webhooks_deliveryattempt REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION partners_prove_parents('delivery_id', 'webhooks_delivery');
CREATE FUNCTION webhooks_no_orphans() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kept bool;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM old_rows o JOIN %I c ON c.%I = o.id)',
                   TG_ARGV[0], TG_ARGV[1]) INTO kept;
    IF kept THEN
        RAISE EXCEPTION '% still has rows of these', TG_ARGV[0]
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER c_no_orphans AFTER DELETE ON webhooks_event REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_no_orphans('webhooks_delivery', 'event_id');
CREATE TRIGGER c_no_orphans AFTER DELETE ON webhooks_delivery REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION webhooks_no_orphans('webhooks_deliveryattempt', 'delivery_id');

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
DROP TRIGGER c_parent_partner_id ON webhooks_event;
DROP TRIGGER c_parent_event_id ON webhooks_delivery;
DROP TRIGGER c_parent_endpoint_id ON webhooks_delivery;
DROP TRIGGER c_parent_partner_id ON webhooks_delivery;
DROP TRIGGER c_parent_delivery_id ON webhooks_deliveryattempt;
DROP TRIGGER c_no_orphans ON webhooks_event;
DROP TRIGGER c_no_orphans ON webhooks_delivery;
DROP FUNCTION webhooks_no_orphans();
DROP TRIGGER kept ON webhooks_endpoint;
DROP FUNCTION webhooks_endpoint_is_kept();
DROP TRIGGER webhooks_event_immutable ON webhooks_event;
DROP FUNCTION webhooks_event_is_immutable();
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial"), ("partners", "0003_kept")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
