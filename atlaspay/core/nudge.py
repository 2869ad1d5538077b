"""Nudges: after the commit, tell a worker by task name that there is work.

The queue is the database. A nudge that is lost, late or doubled costs at most the sweep's second,
so sending never raises and equal nudges within a short window are sent once.
"""

import logging

import redis
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from atlaspay.celery import app
from atlaspay.core.redis import client

log = logging.getLogger(__name__)

WINDOW_MS = 100


_MARK = "atlaspay:nudge:"


def nudge(task_name: str, *, queue: str | None = None) -> None:
    """Send `task_name` after the present transaction commits (at once outside of one)."""
    transaction.on_commit(lambda: send(task_name, queue=queue), robust=True)


def send(task_name: str, *, queue: str | None = None) -> None:
    """Send now, unless the same nudge is still waiting to be picked up."""
    if settings.ATLASPAY_NUDGES_MUTED:
        return
    try:
        if client().set(_MARK + task_name, 1, nx=True, px=WINDOW_MS):
            app.send_task(task_name, queue=queue, retry=False)
    except (redis.RedisError, OperationalError) as error:
        log.warning("nudge.lost", extra={"task": task_name, "error": type(error).__name__})


def window_left_s(task_name: str) -> float:
    """Return for how many seconds yet no further nudge of this task is sent; 0 without Redis.

    A task that looked for work before that has ended may have missed some that told nobody.
    """
    try:
        return max(0, int(client().pttl(_MARK + task_name))) / 1000
    except redis.RedisError:
        return 0.0
