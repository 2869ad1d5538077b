"""Celery's doors to compliance: run for a slice of time, then ask to be woken again if work is
left."""

import time

from celery import shared_task

from atlaspay.core.nudge import nudge
from compliance.selectors.screening import is_screening_late
from compliance.services import auto, backtest_run, rescreen, rescreen_stuck
from compliance.services.audit import background, heads
from compliance.services.backtest import TASK as BACKTEST
from compliance.services.screen import CHUNK, screen_chunk

SLICE_S = 5.0
# Short: new payouts wait for the same worker meanwhile.
RESCREEN_SLICE_S = 1.0
APPROVE_SLICE_S = 1.0
# Lists that changed are indexed once a process: a list of a million names takes minutes, and a
# worker that was killed meanwhile would begin again for ever.
INDEX_LIMIT_S = 1_800


@shared_task(name="compliance.screen", time_limit=INDEX_LIMIT_S)
def screen() -> int:
    """Screen what waits, chunk by chunk, for about five seconds; returns how many. Safe in parallel
    and twice."""
    started = time.monotonic()
    total = 0
    while True:
        done = screen_chunk(classify=auto.classify)
        total += done
        if done < CHUNK:
            return total
        if time.monotonic() - started >= SLICE_S:
            nudge("compliance.screen")
            return total


@shared_task(name=auto.TASK)
def approve() -> None:
    """Approve what the armed version of automatic approval answers, in a transaction of its own:
    what goes wrong here holds up no screening."""
    ends = time.monotonic() + APPROVE_SLICE_S
    while auto.approve_eligible() == auto.LIMIT:
        if time.monotonic() >= ends:
            nudge(auto.TASK, queue="screening")
            return


@shared_task(name=BACKTEST)
def backtest() -> None:
    """Try past payouts for a second: the worker screens live ones too. While those wait, one batch
    a tick of beat is all."""
    if is_screening_late():
        backtest_run.run_slice(slice_s=0)
    elif backtest_run.run_slice():
        nudge(BACKTEST, queue="default")


@shared_task(name="compliance.rescreen", time_limit=INDEX_LIMIT_S)
def run_rescreen() -> None:
    """Go on with the oldest rescreen. What it holds must not be sent, so it never waits long."""
    if rescreen.run(slice_s=RESCREEN_SLICE_S):
        nudge("compliance.rescreen")


@shared_task(name="compliance.alarms")
def alarms() -> None:
    """Say what stands still; on a queue of other workers than those that would move it."""
    rescreen_stuck.sound_alarm()


@shared_task(name=background.TASK)
def verify_audit() -> None:
    """Verify for a second, then step aside as `backtest` does."""
    if is_screening_late():
        background.run_slice(slice_s=0)
    elif background.run_slice():
        nudge(background.TASK, queue="default")


@shared_task(name="compliance.anchor")
def anchor() -> None:
    """Anchor the chain's head if an hour passed, and ask for the day's verification."""
    heads.anchor()
    background.ask_daily()
