"""kill -9 of a dispatch worker, over and over, while it works: nothing lost, nothing paid twice."""

import random
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from payouts.models import Attempt, Payout
from tests.e2e.platform import Platform
from tests.payouts.factories import funded_partner, make_payouts
from tests.simulator.bankproc import IBANS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.crash,
    pytest.mark.slow,
]

KILLS = 20
COUNT = 900
PATIENCE_S = 150


def progress() -> int:
    return Payout.objects.filter(state="settled").count()


def on_the_wire() -> bool:
    return Attempt.objects.filter(state="sending").exists()


def test_a_dispatch_worker_is_killed_twenty_times(tmp_path: Path):
    partner = funded_partner(COUNT * 100)
    chance = random.Random(20)
    with Platform(
        tmp_path, ATLASPAY_LEASE_S="3", ATLASPAY_BANK_IN_FLIGHT="12", ATLASPAY_PAYOUT_BUDGET_S="300"
    ) as platform:
        platform.bank.configure(latency={"kind": "fixed", "ms": 100})
        for nn in (0, 1, 18):
            make_payouts(partner, [100] * (COUNT // 3), iban=IBANS[nn])
        platform.start_beat()
        kills = hits = 0
        while kills < KILLS:
            platform.start_worker()
            before = progress()
            platform.wait_until(
                lambda before=before: on_the_wire() and progress() >= before, PATIENCE_S
            )
            time.sleep(chance.uniform(0.0, 0.4))  # when it dies is chance: that is the test
            hits += on_the_wire()
            platform.end("dispatch")
            kills += 1
        assert hits >= KILLS // 2, "too few kills fell into the middle of a call"
        platform.start_worker()
        platform.wait_until(lambda: progress() == COUNT, PATIENCE_S)
        audit = platform.bank.audit()
    assert (audit["double_paid"], audit["payouts_paid"]) == (0, COUNT)
    assert audit["consistent"] is True
    assert Attempt.objects.filter(state="settled").count() == COUNT
    report = StringIO()
    call_command("check_ledger", stdout=report)
