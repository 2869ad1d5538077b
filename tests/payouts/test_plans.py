"""What asks for work reads what is due, however much else is open."""

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from payouts.selectors.payouts import PayoutFilter, payouts_page
from payouts.selectors.rails import rails_health
from payouts.services import dispatch, rails_control, sweeps
from tests.payouts.factories import ended, funded_partner, make_payouts
from tests.plans import assert_no_plan_has, count_of_plans

pytestmark = pytest.mark.django_db


def test_what_may_be_sent_is_not_looked_for_among_all_that_is_open():
    partner = funded_partner(10_000_000)
    ended(partner, 1_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    make_payouts(partner, [100] * 1_000)
    waiting = dispatch._waiting(["sepa_inst", "rtp"], Now())
    for asked in (waiting[:250], waiting.order_by()[:250]):
        plan = asked.explain()
        assert "using payout_queued " in plan
        assert "payout_batch_open" not in plan
    assert dispatch.due(["sepa_inst", "rtp"], 250) == 0


def test_what_has_not_ended_is_not_looked_for_among_all_that_has():
    partner = funded_partner(10_000_000)
    ended(partner, 3_000)
    make_payouts(partner, [100] * 10)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as ran:
        rails_health()
        sweeps.sound_alarms()
        rails_control.preview("sepa_inst")
        assert len(payouts_page(partner.id, PayoutFilter(statuses=["queued"])).rows) == 10
    assert count_of_plans(ran, "payouts_payout") == 5


def test_batches_that_are_open_are_told_apart_by_one_probe_each():
    partner = funded_partner(10_000_000)
    ended(partner, 500)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for _ in range(40):
        make_payouts(partner, [100] * 50)
    with CaptureQueriesContext(connection) as ran:
        assert sweeps.complete_batches() == 1
    assert_no_plan_has(ran, "Anti Join")
