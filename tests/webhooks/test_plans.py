"""The queue's statements go by the queue's indexes, however long the past: none reads the table."""

import uuid

import pytest
from django.db import connection

from tests.webhooks.factories import emit_many, make_endpoint
from webhooks import resend, sql
from webhooks.delivery import claim, record, upkeep
from webhooks.event_types import PASSING
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db

PAST, PRESENT = 6_000, 3_000


@pytest.fixture(scope="module")
def statements():
    """Return statements with parameters that fit them."""
    return {
        "targets": (claim._TARGETS, {}),
        "claim": (
            claim._CLAIM,
            {
                "endpoints": ["we_1"],
                "quotas": [128],
                "claim": uuid.uuid4(),
                "lease": 60.0,
                "recheck": 2.0,
                "passing": list(PASSING),
            },
        ),
        "cancel fresh": (upkeep._CANCEL_FRESH, {"slice": 1_000}),
        "cancel retry": (upkeep._CANCEL_RETRY, {"slice": 1_000}),
        "bring forward": (upkeep._BRING_FORWARD, {"endpoint": "we_1", "slice": 1_000, "soon": 5.0}),
        "replay": (
            resend._REPLAY,
            {
                "endpoint": "we_1",
                "states": list(resend.FAILED),
                "since": "2026-01-01T00:00:00Z",
                "floor": "wd_0",
                "days": 30,
                "limit": 1_000,
            },
        ),
    }


def test_none_of_them_reads_the_whole_table(statements):
    endpoint = make_endpoint()
    for _ in range(3):
        make_endpoint()
    emit_many(endpoint.partner, PAST)
    Delivery.objects.update(state="delivered", due_at=None, attempt_count=1)
    emit_many(endpoint.partner, PRESENT)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for name, (statement, values) in statements.items():
        fitted = {**values, **({"endpoints": [endpoint.id]} if "endpoints" in values else {})}
        if "endpoint" in values:
            fitted["endpoint"] = endpoint.id
        plan = [row["QUERY PLAN"] for row in sql.fetch("EXPLAIN " + statement, fitted)]
        if name.startswith("cancel"):
            # The rows to change are few thousand of few thousand here; they are found by index.
            assert any(f"using delivery_{name.split()[1]} " in line for line in plan), name
        else:
            assert [line for line in plan if "Seq Scan on webhooks_delivery" in line] == [], name


def test_order_is_kept_by_key_though_no_pending_row_is_known_of():
    endpoint = make_endpoint()
    emit_many(endpoint.partner, PAST)
    Delivery.objects.update(state="delivered", due_at=None, attempt_count=1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    emit_many(endpoint.partner, PRESENT)
    claiming = {
        "endpoints": [endpoint.id],
        "quotas": [128],
        "claim": uuid.uuid4(),
        "lease": 60.0,
        "recheck": 2.0,
        "passing": list(PASSING),
    }
    recording = {
        "ids": ["wd_1"],
        "claims": [uuid.uuid4()],
        "states": ["delivered"],
        "delays": [0.0],
        "steps": [0],
        "given_back": [0],
        "errors": [""],
        "misconfigured": [False],
    }
    for statement, values in ((claim._CLAIM, claiming), (record._DELIVERIES, recording)):
        plan = [row["QUERY PLAN"] for row in sql.fetch("EXPLAIN " + statement, values)]
        by_order = [at for at, line in enumerate(plan) if "using delivery_order " in line]
        assert len(by_order) == 1
        assert "Index Cond: (((object_id)::text = " in plan[by_order[0] + 1]
