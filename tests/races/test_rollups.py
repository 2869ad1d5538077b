"""Transactions that commit late, writers at full speed, two runners at once: each row is counted
once and none is missed.
"""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from atlaspay.core import rollups
from payouts.models import Payout
from payouts.rollups import roll
from payouts.rollups.tables import PayoutRollup, PayoutRollupMark
from payouts.services import unit
from tests.payouts import rollup_truth as truth
from tests.payouts.factories import clear_all, funded_partner, make_payouts
from tests.races.test_payouts import together
from tests.webhooks.factories import emit, make_endpoint, only_delivery
from webhooks import rollups as webhook_rollups
from webhooks.models import DeliveryAttempt, DeliveryRollup

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]
PATIENCE_S = 30


def counted() -> int:
    found = PayoutRollup.objects.filter(scope="", grain="d")
    return sum(found.values_list("payouts", flat=True))


class Elsewhere:
    """Runs a block that holds its transaction open on a connection of its own until `finish`."""

    def __init__(self, work) -> None:
        self._work, self._began, self._go = work, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Elsewhere":
        self._thread.start()
        assert self._began.wait(PATIENCE_S)
        return self

    def __exit__(self, *error: object) -> None:
        self.finish()

    def finish(self) -> None:
        self._go.set()
        self._thread.join(PATIENCE_S)

    def _hold(self) -> None:
        self._began.set()
        assert self._go.wait(PATIENCE_S)

    def _run(self) -> None:
        try:
            self._work(self._hold)
        finally:
            connection.close()


def test_a_transaction_that_commits_after_later_ones_were_seen_is_counted():
    slow, quick = funded_partner(), funded_partner()
    (early,) = make_payouts(slow, [1_000])
    assert roll.roll_up().is_caught_up

    def change_late(hold) -> None:
        with unit.open(reason="slow") as work:
            (payout,) = work.lock([early.id])
            payout.description = "still the same"
            work.change(payout)
            payout.stage = "scheduled"
            work.flush()
            work.changed.clear()  # written: its history row has its number
            hold()

    with Elsewhere(change_late) as writer:
        make_payouts(quick, [5_000])  # draws higher numbers and commits first
        assert rollups.run(roll.SOURCE, wait_s=0.1).is_caught_up is False
        mark = PayoutRollupMark.objects.get()
        assert mark.pending_to is not None
        before = mark.read_to
        first_pending = mark.pending_to
        make_payouts(quick, [6_000])
        rollups.run(roll.SOURCE, wait_s=0.1)
        mark.refresh_from_db()
        assert (mark.read_to, mark.pending_to) == (before, first_pending)  # never past the gap
        writer.finish()

    done = roll.roll_up()
    assert done.is_caught_up
    assert counted() == 3
    truth.agree()
    assert PayoutRollupMark.objects.get().pending_to is None


def test_the_last_transaction_to_begin_is_waited_for_though_none_ended_after_it():
    (early,) = make_payouts(funded_partner(), [1_000])
    assert roll.roll_up().is_caught_up

    def change(hold) -> None:
        with unit.open(reason="slow") as work:
            (payout,) = work.lock([early.id])
            payout.clear()
            work.change(payout)
            work.flush()
            work.changed.clear()
            hold()

    with Elsewhere(change) as writer:
        held = rollups.run(roll.SOURCE, wait_s=0.1)
        assert (held.is_caught_up, held.counted) == (False, 0)
        writer.finish()
    assert roll.roll_up().is_caught_up
    truth.agree()


def test_a_horizon_of_another_cluster_holds_nothing_up():
    make_payouts(funded_partner(), [1_000])
    roll.roll_up()
    mark = PayoutRollupMark.objects.get()
    PayoutRollupMark.objects.update(
        pending_to=mark.read_to, pending_xid=2**50, pending_at=mark.as_of
    )  # as a dump that is restored elsewhere has it
    make_payouts(funded_partner(), [2_000])
    assert roll.roll_up().is_caught_up
    assert counted() == 2


def test_a_transaction_that_rolls_back_leaves_a_gap_that_holds_nothing_up():
    partner = funded_partner()
    make_payouts(partner, [1_000])

    def give_up(hold) -> None:
        with transaction.atomic():
            Payout.objects.update(attempt_count=7)
            hold()
            transaction.set_rollback(True)

    with Elsewhere(give_up) as writer:
        make_payouts(partner, [2_000])
        assert rollups.run(roll.SOURCE, wait_s=0.1).is_caught_up is False
        writer.finish()
    assert roll.roll_up().is_caught_up
    assert counted() == 2
    truth.agree()


def test_who_has_drawn_a_number_and_has_no_transaction_id_yet_is_waited_for():
    endpoint = make_endpoint()
    emit(endpoint.partner)
    delivery = only_delivery()
    drawn: list[int] = []

    def draw(hold) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval('webhooks_deliveryattempt_id_seq')")
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE webhooks_deliveryattempt IN ROW EXCLUSIVE MODE")
            cursor.execute("SELECT nextval('webhooks_deliveryattempt_id_seq')")
            drawn.append(cursor.fetchone()[0])
            cursor.execute("SELECT pg_current_xact_id_if_assigned()")
            assert cursor.fetchone()[0] is None
            hold()
            cursor.execute(
                "INSERT INTO webhooks_deliveryattempt (id, delivery_id, number, outcome, error,"
                " detail, response_headers) VALUES (%s, %s, 1, 'delivered', '', '', '{}')",
                [drawn[0], delivery.id],
            )
            cursor.execute("COMMIT")

    with Elsewhere(draw) as writer:
        held = rollups.run(webhook_rollups.SOURCE, wait_s=0.1)
        assert (held.is_caught_up, held.counted) == (False, 0)
        writer.finish()
    assert DeliveryAttempt.objects.get().id == drawn[0]
    assert webhook_rollups.roll_up().is_caught_up
    assert DeliveryRollup.objects.get(scope="", grain="d").delivered == 1


def test_writers_and_runners_at_once_count_everything_once():
    partners = [funded_partner() for _ in range(3)]
    over = threading.Event()

    def write(partner):
        def run() -> None:
            for _ in range(12):
                make_payouts(partner, [100, 200, 300])

        return run

    def clear() -> None:
        while not over.is_set():
            clear_all()

    def count() -> None:
        while not over.is_set():
            rollups.run(roll.SOURCE, wait_s=0.05)

    def supervise(works):
        def run() -> None:
            try:
                together(*works)
            finally:
                over.set()

        return run

    together(supervise([write(partner) for partner in partners]), clear, count, count)
    assert roll.roll_up().is_caught_up
    assert counted() == 3 * 12 * 3
    truth.agree()


def test_sums_that_stand_still_for_minutes_are_an_alarm(caplog):
    make_payouts(funded_partner(), [1_000])
    roll.roll_up()
    minutes_ago = timezone.now() - timedelta(minutes=6)
    PayoutRollupMark.objects.update(as_of=minutes_ago)

    def change(hold) -> None:
        with transaction.atomic():
            Payout.objects.update(attempt_count=7)
            hold()
            transaction.set_rollback(True)

    with Elsewhere(change):
        rollups.run(roll.SOURCE, wait_s=0.1)
    (line,) = [one for one in caplog.records if one.msg == "rollups.held_up"]
    assert (line.source, line.levelname) == ("payouts", "ERROR")
    assert 350 < line.age_s < 600
    assert line.holder_pid > 0
