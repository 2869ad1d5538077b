"""Looking through deliveries and events: what is found, and that no search reads a whole table."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import PartnerFactory
from tests.webhooks.factories import emit, emit_many, make_endpoint
from webhooks import search, sql
from webhooks.models import Delivery, Event

pytestmark = pytest.mark.django_db

PAST, MINE = 12_000, 1_200


def test_deliveries_of_several_endpoints_come_newest_first_and_in_pages():
    partner = PartnerFactory()
    first, second = (make_endpoint(f"http://127.0.0.1:9/{n}", partner=partner) for n in (1, 2))
    for _ in range(5):
        emit(partner)
    wanted = list(Delivery.objects.order_by("-id").values_list("pk", flat=True))
    seen, before, has_more = [], None, True
    while has_more:
        rows, has_more = search.deliveries(partner.id, before=before, limit=3)
        seen += [row.pk for row in rows]
        before = seen[-1]
    assert seen == wanted
    only, has_more = search.deliveries(partner.id, endpoint_id=second.pk, limit=5)
    assert {row.endpoint_id for row in only} == {second.pk}
    assert (len(only), has_more) == (5, False)
    nothing, _ = search.deliveries(PartnerFactory().id, endpoint_id=first.pk, limit=5)
    assert nothing == []


def test_a_state_is_taken_from_the_table_of_states_alone():
    endpoint = make_endpoint()
    emit(endpoint.partner)
    with pytest.raises(ValueError, match="is not a valid"):
        search.deliveries(endpoint.partner_id, states=["x' OR '1'='1"], limit=1)


def test_no_search_reads_the_whole_table(monkeypatch):
    endpoint = make_endpoint()
    mine = make_endpoint()
    emit_many(endpoint.partner, PAST)
    Delivery.objects.update(state="delivered", due_at=None, attempt_count=1)
    emit_many(mine.partner, MINE)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plans: list[str] = []
    fetch = sql.fetch

    def explained(statement, parameters):
        plans.extend(row["QUERY PLAN"] for row in fetch("EXPLAIN " + statement, parameters))
        return fetch(statement, parameters)

    monkeypatch.setattr(sql, "fetch", explained)
    payout_id = Event.objects.filter(partner=mine.partner).values_list("object_id", flat=True)[0]
    last = Event.objects.filter(partner=mine.partner).order_by("-xid", "-position")[10]
    with CaptureQueriesContext(connection) as ran:
        for states in ((), ("pending",), ("exhausted", "canceled"), ("superseded",)):
            search.deliveries(mine.partner_id, states=states, before="wd_7", limit=50)
        search.deliveries(mine.partner_id, object_ids=[payout_id], limit=50)
        search.events(mine.partner_id, before=last, limit=50)
        search.events(mine.partner_id, type="payout.settled", limit=50)
        # Not by date: a stretch is found by its transactions, and all that is here is of one.
        search.events(mine.partner_id, object_ids=[payout_id], limit=50)
        search.waiting_count(mine)
    with connection.cursor() as cursor:
        for query in ran.captured_queries:
            if query["sql"].startswith("SELECT"):
                cursor.execute("EXPLAIN " + query["sql"])
                plans.extend(row[0] for row in cursor.fetchall())
    read_whole = [
        line
        for line in plans
        if "Seq Scan on webhooks_delivery" in line or "Seq Scan on webhooks_event" in line
    ]
    assert len(plans) > 20
    assert read_whole == []
