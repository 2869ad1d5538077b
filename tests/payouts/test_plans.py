"""What asks for work reads what is due, however much else is open."""

import pytest
from django.db import connection
from django.db.models.functions import Now

from payouts.services import dispatch, unit
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db


def test_what_may_be_sent_is_not_looked_for_among_all_that_is_open():
    partner = funded_partner(10_000_000)
    with unit.open(reason="test") as work:
        for payout in work.lock(one.id for one in make_payouts(partner, [100] * 1_000)):
            payout.cancel()
            work.change(payout)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    make_payouts(partner, [100] * 1_000)
    waiting = dispatch._waiting(["sepa_inst", "rtp"], Now())
    for asked in (waiting[:250], waiting.order_by()[:250]):
        plan = asked.explain()
        assert "using payout_queued " in plan
        assert "payout_batch_open" not in plan
    assert dispatch.due(["sepa_inst", "rtp"], 250) == 0
