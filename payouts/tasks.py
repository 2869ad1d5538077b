"""Celery doors of payouts: each says "there is work", calls one service, and asks for another turn
while there is more.

Names are the contract of `payouts.pipeline` and the beat schedule. All are safe to run twice, at
once, or never.
"""

import time
from collections.abc import Callable

from celery import shared_task

from atlaspay.core import nudge
from payouts.machine import State
from payouts.rollups.prune import prune_hours
from payouts.rollups.roll import roll_up as roll_up_payouts
from payouts.services import callbacks, dispatch, inquiry, intake, reconciliation, sweeps

SLICE_S = 5.0
# Short, because callbacks and inquiries wait behind it where both of a worker's children send.
DISPATCH_SLICE_S = 2.0


def _slice(task_name: str, step: Callable[[], int], *, slice_s: float = SLICE_S) -> None:
    """Repeat `step` until it finds nothing or the slice ends, then ask for another turn."""
    ends = time.monotonic() + slice_s
    while step():
        if time.monotonic() >= ends:
            nudge.send(task_name)
            return


@shared_task(name="payouts.take_in")
def take_in() -> None:
    """Take in batches that were stored first."""
    _slice("payouts.take_in", lambda: intake.take_in(limit=1))


@shared_task(name="payouts.dispatch")
def run_dispatch() -> None:
    """Send queued payouts."""
    if dispatch.run(slice_s=DISPATCH_SLICE_S):
        nudge.send("payouts.dispatch")


@shared_task(name="payouts.resolve_unknown")
def resolve_unknown() -> None:
    """Ask the bank about unknown outcomes and lost leases."""
    _slice("payouts.resolve_unknown", lambda: inquiry.run(State.SENDING))


@shared_task(name="payouts.poll_sent")
def poll_sent() -> None:
    """Ask the bank about accepted payouts whose callback has not come."""
    _slice("payouts.poll_sent", lambda: inquiry.run(State.SENT))


@shared_task(name="payouts.process_callbacks")
def process_callbacks() -> None:
    """Apply stored callbacks."""
    _slice("payouts.process_callbacks", callbacks.process)


@shared_task(name="payouts.sweep")
def sweep() -> None:
    """Expire what waited too long and close batches that have ended."""
    _slice("payouts.sweep", lambda: sweeps.expire_queued() + sweeps.complete_batches())


@shared_task(name="payouts.reconcile")
def reconcile() -> None:
    """Compare our books with the bank's; breaks are rows with a page and an alarm of their own."""
    reconciliation.reconcile()


@shared_task(name="payouts.alarms")
def alarms() -> None:
    """Log what waits longer than it should."""
    sweeps.sound_alarms()


@shared_task(name="payouts.roll_up")
def roll_up() -> None:
    """Add to the sums what payouts came to since the last time; go on where there is more."""
    done = roll_up_payouts(budget_s=SLICE_S)
    if done.windows and not done.is_caught_up:
        nudge.send("payouts.roll_up", queue="chores")


@shared_task(name="payouts.prune_rollups")
def prune_rollups() -> None:
    """Remove sums by hour that are older than they are kept."""
    prune_hours(budget_s=SLICE_S)
