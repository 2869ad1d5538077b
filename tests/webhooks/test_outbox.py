"""Events are written with the fact, for those who want them, as bytes that never change."""

import json
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from atlaspay.core import clock
from tests.factories import PartnerFactory
from tests.webhooks.factories import emit, emit_many, make_endpoint
from webhooks import services
from webhooks.models import Delivery, Event
from webhooks.outbox import NewEvent, message_id
from webhooks.outbox import emit as emit_events

pytestmark = pytest.mark.django_db


def test_the_body_is_rendered_once_with_its_members_in_order():
    partner = PartnerFactory()
    event = NewEvent(
        partner.id, "payout.settled", "po_1", 2, "ev_0", {"payout": {"name": "Zoë", "b": 1, "a": 2}}
    )
    with clock.frozen(datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)), transaction.atomic():
        emit_events([event])
    row = Event.objects.get()
    assert bytes(row.body) == (
        b'{"id":"%s","type":"payout.settled","version":1,"timestamp":"2026-11-22T10:00:00.123Z",'
        b'"sequence":2,"prev_id":"ev_0","data":{"payout":{"name":"Zo\xc3\xab","b":1,"a":2}}}'
        % event.id.encode()
    )
    assert (row.partner_id, row.object_id, row.sequence) == (partner.id, "po_1", 2)


def test_deliveries_go_to_enabled_subscribed_endpoints_of_the_partner():
    partner = PartnerFactory()
    everything = make_endpoint(partner=partner)
    settled_only = make_endpoint(partner=partner, types=("payout.settled",))
    failed_only = make_endpoint(partner=partner, types=("payout.failed",))
    disabled = make_endpoint(partner=partner)
    services.update_endpoint(partner.id, disabled.id, {"status": "disabled"})
    deleted = make_endpoint(partner=partner)
    services.delete_endpoint(partner.id, deleted.id)
    make_endpoint()  # somebody else's
    event_id = emit(partner, "payout.settled")
    receivers = set(Delivery.objects.values_list("endpoint_id", flat=True))
    assert receivers == {everything.id, settled_only.id}
    assert failed_only.id not in receivers
    row = Delivery.objects.get(endpoint=everything)
    assert (row.event_id, row.state, row.attempt_count, row.partner_id) == (
        event_id, "pending", 0, partner.id,
    )  # fmt: skip
    assert row.message_id == message_id(everything.id, event_id)


def test_message_ids_are_the_same_for_ever():
    assert message_id("we_1", "ev_1") == message_id("we_1", "ev_1")
    assert message_id("we_1", "ev_1") != message_id("we_2", "ev_1")
    assert message_id("we_1", "ev_1") == "msg_" + message_id("we_1", "ev_1")[4:]
    assert len(message_id("we_1", "ev_1")) == 30


def test_a_thousand_events_cost_two_statements(django_assert_num_queries):
    partner = PartnerFactory()
    make_endpoint(partner=partner)
    make_endpoint(partner=partner)
    before = Event.objects.count()
    emit_many(partner, 1_000)
    assert Event.objects.count() == before + 1_000
    assert Delivery.objects.count() == 2_000


def test_nothing_is_written_where_the_transaction_rolls_back():
    partner = PartnerFactory()
    make_endpoint(partner=partner)
    with transaction.atomic():
        emit_events([NewEvent(partner.id, "payout.settled", "po_1", 1, None, {})])
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_a_type_outside_the_catalogue_and_a_huge_body_are_refused():
    partner = PartnerFactory()
    with pytest.raises(ValueError, match="catalogue"):
        emit(partner, "payout.exploded")
    with pytest.raises(ValueError, match="65536"):
        emit(partner, data={"text": "x" * 70_000})
    assert not Event.objects.exists()


def test_a_sequence_is_used_once_per_object():
    partner = PartnerFactory()
    emit(partner, object_id="po_1", sequence=1)
    with pytest.raises(IntegrityError, match="event_sequence_once_per_object"):
        emit(partner, object_id="po_1", sequence=1)
    assert Event.objects.count() == 1


def test_an_event_is_never_changed():
    emit(PartnerFactory())
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Event.objects.update(body=b"{}")
    assert json.loads(bytes(Event.objects.get().body))["type"] == "payout.settled"


@pytest.mark.django_db(transaction=True)
def test_emitting_outside_a_transaction_is_refused():
    with pytest.raises(RuntimeError, match="transaction"):
        emit_events([NewEvent("pt_1", "payout.settled", "po_1", 1, None, {})])
    assert not Event.objects.exists()


def test_positions_rise_and_name_their_transaction():
    partner = PartnerFactory()
    emit_many(partner, 3)
    rows = list(Event.objects.order_by("position").values_list("position", "xid"))
    assert rows[0][0] < rows[1][0] < rows[2][0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        assert {xid for _, xid in rows} == {cursor.fetchone()[0]}
