"""Removing what is old: deliveries with their attempts, then events, mails and checks.

Never what still waits: no pending delivery, no event that has one, no mail to be sent. In slices of
a thousand rows, each its own transaction; rows that somebody holds are left for the next time. The
database itself refuses deletes outside of this door (migration 0005).
"""

import logging
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from atlaspay.core import ids
from webhooks import sql

log = logging.getLogger(__name__)

PRUNE_TASK = "webhooks.prune"
SLICE = 1_000
# Ids carry the clock of the machine that made them; the row's own time decides, this finds it.
CLOCKS_APART = timedelta(hours=1)

_DOOR = "SELECT set_config('atlaspay.prune', 'on', true)"
_OLD_DELIVERIES = """
SELECT d.id FROM webhooks_delivery d
WHERE d.id > %(after)s AND d.id < %(floor)s
  AND (d.state IN ('delivered', 'superseded') AND d.created_at < %(short)s
       OR d.state IN ('exhausted', 'canceled') AND d.created_at < %(long)s)
ORDER BY d.id
"""
_OLD_EVENTS = """
SELECT e.id FROM webhooks_event e
WHERE e.id > %(after)s AND e.id < %(floor)s AND e.created_at < %(long)s
  AND NOT EXISTS (SELECT FROM webhooks_delivery d WHERE d.event_id = e.id)
ORDER BY e.id
"""
_OLD_MAILS = """
SELECT m.id FROM webhooks_mailmessage m
WHERE m.id > %(after)s AND m.state <> 'pending' AND m.created_at < %(long)s
ORDER BY m.id
"""
# The latest of its kind tells why an endpoint is live, or is not.
_OLD_CHECKS = """
SELECT c.id FROM webhooks_endpointcheck c
WHERE c.id > %(after)s AND c.id < %(floor)s AND c.state <> 'pending' AND c.created_at < %(long)s
  AND EXISTS (SELECT FROM webhooks_endpointcheck n WHERE n.endpoint_id = c.endpoint_id
              AND n.kind = c.kind AND n.id > c.id AND n.state IN ('passed', 'failed'))
ORDER BY c.id
"""
_LOCKED = " LIMIT %(slice)s FOR UPDATE SKIP LOCKED"


@dataclass(slots=True)
class Pruned:
    """How many rows went, or would go; `is_complete` is False where the time was over first."""

    deliveries: int = 0
    attempts: int = 0
    events: int = 0
    mails: int = 0
    checks: int = 0
    is_complete: bool = True


class _TimeIsOver(Exception):  # noqa: N818 - no error
    """The budget of a run was spent."""


def prune(*, budget_s: float | None = None) -> Pruned:
    """Remove what is older than ATLASPAY_DELIVERY_DAYS and ATLASPAY_EVENT_DAYS; return the counts.

    Call it outside any transaction. Repeating is safe, as is running it twice at once.
    """
    done = Pruned()
    ends = None if budget_s is None else time.monotonic() + budget_s
    try:
        _deliveries(done, ends)
        _each(done, "events", "webhooks_event", "ev", _OLD_EVENTS, ends)
        _each(done, "mails", "webhooks_mailmessage", "", _OLD_MAILS, ends)
        _each(done, "checks", "webhooks_endpointcheck", "wc", _OLD_CHECKS, ends)
    except _TimeIsOver:
        done.is_complete = False
    log.info("webhook.pruned", extra=asdict(done))
    return done


def would_prune() -> Pruned:
    """Count what `prune` would remove now; changes nothing.

    Events are counted that have no delivery but such as would go before them.
    """
    values = {**_bounds("wd"), "after": ""}
    attempts = f"""
        SELECT count(DISTINCT o.id) AS deliveries, count(a.id) AS attempts
        FROM ({_OLD_DELIVERIES}) o
        LEFT JOIN webhooks_deliveryattempt a ON a.delivery_id = o.id
    """  # noqa: S608 - constants of this file
    (found,) = sql.fetch(attempts, values)
    events = _OLD_EVENTS.replace(
        "WHERE d.event_id = e.id)",
        "WHERE d.event_id = e.id AND (d.state = 'pending' OR d.created_at >= %(long)s))",
    )
    return Pruned(
        deliveries=found["deliveries"],
        attempts=found["attempts"],
        events=_count(events, {**_bounds("ev"), "after": ""}),
        mails=_count(_OLD_MAILS, {**_bounds(""), "after": 0}),
        checks=_count(_OLD_CHECKS, {**_bounds("wc"), "after": ""}),
    )


def _deliveries(done: Pruned, ends: float | None) -> None:
    after = ""
    while True:
        with transaction.atomic():
            old = _next(_OLD_DELIVERIES, {**_bounds("wd"), "after": after})
            if old:
                sql.fetch(_DOOR, {})
                done.attempts += sql.run(
                    "DELETE FROM webhooks_deliveryattempt WHERE delivery_id = ANY(%(ids)s)",
                    {"ids": old},
                )
                done.deliveries += sql.run(
                    "DELETE FROM webhooks_delivery WHERE id = ANY(%(ids)s)", {"ids": old}
                )
        if len(old) < SLICE:
            return
        after = old[-1]
        _stop_at(ends)


def _each(
    done: Pruned, counter: str, table: str, prefix: str, statement: str, ends: float | None
) -> None:
    after: str | int = "" if prefix else 0
    while True:
        with transaction.atomic():
            old = _next(statement, {**_bounds(prefix), "after": after})
            if old:
                sql.fetch(_DOOR, {})
                gone = sql.run(
                    f"DELETE FROM {table} WHERE id = ANY(%(ids)s)",  # noqa: S608 - our own names
                    {"ids": old},
                )
                setattr(done, counter, getattr(done, counter) + gone)
        if len(old) < SLICE:
            return
        after = old[-1]
        _stop_at(ends)


def _next(statement: str, values: dict[str, object]) -> list[str]:
    return [row["id"] for row in sql.fetch(statement + _LOCKED, {**values, "slice": SLICE})]


def _count(statement: str, values: dict[str, object]) -> int:
    (row,) = sql.fetch(f"SELECT count(*) AS n FROM ({statement}) o", values)  # noqa: S608 - ours
    return int(row["n"])


def _bounds(prefix: str) -> dict[str, datetime | str]:
    now = sql.now()
    short = now - timedelta(days=settings.ATLASPAY_DELIVERY_DAYS)
    long = now - timedelta(days=settings.ATLASPAY_EVENT_DAYS)
    floor = ids.floor(prefix, max(short, long) + CLOCKS_APART)
    return {"short": short, "long": long, "floor": floor}


def _stop_at(ends: float | None) -> None:
    if ends is not None and time.monotonic() > ends:
        raise _TimeIsOver
