"""Runs at once: each entry is kept once, each break opened once, nobody waits for ever."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from payouts.machine import State
from payouts.models import BankEntry, ReconciliationBreak, Return
from payouts.services import reconciliation
from tests.payouts.factories import fresh
from tests.payouts.reconciling import pay, run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def at_once(count: int) -> list[reconciliation.Outcome]:
    """Reconcile on several connections at the same time."""

    def one(_number: int) -> reconciliation.Outcome:
        try:
            return run()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_four_runs_at_once_do_the_work_of_one(bank, partner):
    returned = pay(partner, 16, 6_000)
    pay(partner, 21, 1_000)
    for amount_minor in range(1, 41):
        bank.pay(0, amount_minor=amount_minor)
    bank.advance(days=1)

    outcomes = at_once(4)

    # 40 transfers behind our back, two debits of ours, one return; the opening was read before.
    assert sum(done.entries_read for done in outcomes) == 43
    assert BankEntry.objects.filter(account_id="acct_eur").count() == 44
    assert sum(done.opened for done in outcomes) == 41
    assert ReconciliationBreak.objects.filter(resolved_at=None).count() == 41
    assert Return.objects.filter(payout=returned).count() == 1
    assert fresh(returned).state == State.RETURNED
    (total,) = [t for t in outcomes[0].totals if t.currency == "EUR"]
    assert total.unexplained_minor == 0
    again = run()
    assert (again.entries_read, again.opened, again.closed, again.open_count) == (0, 0, 0, 41)
