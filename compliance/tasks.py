"""Celery's door to screening: run for a slice of time, then ask to be woken again if work is
left."""

import time

from celery import shared_task

from atlaspay.core.nudge import nudge
from compliance.services.screen import CHUNK, screen_chunk

SLICE_S = 5.0


@shared_task(name="compliance.screen")
def screen() -> int:
    """Screen what waits, chunk by chunk, for about five seconds; returns how many. Safe in parallel
    and twice."""
    started = time.monotonic()
    total = 0
    while True:
        done = screen_chunk()
        total += done
        if done < CHUNK:
            return total
        if time.monotonic() - started >= SLICE_S:
            nudge("compliance.screen")
            return total
