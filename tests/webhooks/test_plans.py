"""The queue's statements go by the queue's indexes, however long the past: none reads the table."""

import uuid

import pytest
from django.db import connection

from tests.webhooks.factories import emit_many, make_endpoint
from webhooks import resend, sql
from webhooks.delivery import claim, upkeep
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
