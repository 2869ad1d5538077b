"""Reading a table that only grows to its end, each row once, so that sums of it can be kept.

Numbers of a sequence are drawn before their rows are committed, so a row may appear below rows that
were read already. What is read therefore ends at a horizon: a number of the sequence together with
the transactions that were running after it was read. Once these have ended no row up to the horizon
can still appear. A writer may draw its first number a moment before it has a transaction id, so the
horizon also waits until whoever holds the table's lock for writing has one.

Nothing is asked of the writers: no trigger, no index, no lock.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction
from django.db.models import Q

log = logging.getLogger(__name__)

# How long a run waits for the transactions its horizon needs; most end within milliseconds. What is
# not ready then is read by the next run.
WAIT_S = 2.0
_POLL_S = 0.05
# A horizon that waits so long is held up by somebody: an alarm.
HELD_UP_S = 300


class RollupMark(models.Model):
    """How far one generation of rollups has read: every row up to `read_to`, once.

    `as_of`: all that was committed by then is counted. `pending_*` is a horizon that waits for
    transactions to end. Only one generation is live; another one is being rebuilt.
    """

    generation = models.PositiveSmallIntegerField(primary_key=True)
    is_live = models.BooleanField(default=False)
    read_to = models.BigIntegerField(default=0)
    as_of = models.DateTimeField(null=True, blank=True)
    pending_to = models.BigIntegerField(null=True, blank=True)
    pending_xid = models.BigIntegerField(null=True, blank=True)
    pending_at = models.DateTimeField(null=True, blank=True)
    ran_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"generation {self.generation} to {self.read_to}"


def one_is_live() -> models.UniqueConstraint:
    """Return the constraint each concrete mark has: never two live generations."""
    return models.UniqueConstraint(
        fields=["is_live"], condition=Q(is_live=True), name="%(app_label)s_one_live_rollup"
    )


@dataclass(frozen=True, slots=True)
class Source:
    """A table that only grows, and what counts it.

    `roll(generation, after, until)` adds the rows with `after < column <= until` to that
    generation's sums, which are in the tables `sums`, and returns how many things it counted.
    `window`: most numbers a transaction.
    """

    name: str
    marks: type[RollupMark]
    table: str
    column: str
    roll: Callable[[int, int, int], int]
    sums: tuple[type[models.Model], ...]
    window: int = 50_000


@dataclass(slots=True)
class Ran:
    """What a run did; `is_caught_up` is False where the budget was over first or a transaction
    holds the horizon up.
    """

    counted: int = 0
    windows: int = 0
    is_caught_up: bool = False


@dataclass(frozen=True, slots=True)
class _Horizon:
    to: int
    xid: int
    at: datetime


def live_generation(marks: type[RollupMark]) -> int:
    """Return the generation that readers use; 0 before the first run."""
    return marks._default_manager.filter(is_live=True).values_list("pk", flat=True).first() or 0


def run(
    source: Source,
    *,
    generation: int | None = None,
    budget_s: float | None = None,
    wait_s: float = WAIT_S,
) -> Ran:
    """Count what is new, in windows of one short transaction each.

    Safe twice and at once: a window and the mark behind it are one transaction under the mark's
    lock, and a second runner goes on where the first one is. `generation`: the live one.
    """
    ends = None if budget_s is None else time.monotonic() + budget_s
    done = Ran()
    if generation is None:
        generation = live_generation(source.marks) or _first(source)
    waiting = _pending(source, generation)
    if waiting is not None and not _is_past(source, waiting):
        return _held_up(source, generation, done)
    if waiting is None or _read(source, generation, waiting, done, ends):
        horizon = _horizon(source, wait_s)
        if horizon is None:
            return _held_up(source, generation, done)
        is_past = _await(source, horizon, wait_s)
        done.is_caught_up = is_past and _read(source, generation, horizon, done, ends)
        if not done.is_caught_up:
            # The oldest horizon stays until it is reached: newer ones could be put off for ever.
            source.marks._default_manager.filter(pk=generation, pending_to=None).update(
                pending_to=horizon.to, pending_xid=horizon.xid, pending_at=horizon.at
            )
        if not is_past:
            return _held_up(source, generation, done)
    _beat(source, generation)
    return done


def _read(
    source: Source, generation: int, horizon: _Horizon, done: Ran, ends: float | None
) -> bool:
    """Count up to a horizon that is past; return False where the budget was over first."""
    while True:
        with transaction.atomic():
            marks = source.marks._default_manager.select_for_update()
            mark = marks.filter(pk=generation).first()
            if mark is None:
                return False  # replaced meanwhile
            until = min(horizon.to, mark.read_to + source.window)
            if until > mark.read_to:
                done.counted += source.roll(generation, mark.read_to, until)
                done.windows += 1
                mark.read_to = until
            is_there = mark.read_to >= horizon.to
            if is_there:
                mark.as_of = max(mark.as_of or horizon.at, horizon.at)
                if mark.pending_to is not None and mark.pending_to <= horizon.to:
                    mark.pending_to = mark.pending_xid = mark.pending_at = None
            mark.save()
        if is_there:
            return True
        if ends is not None and time.monotonic() > ends:
            return False


def _first(source: Source) -> int:
    source.marks._default_manager.get_or_create(generation=1, defaults={"is_live": True})
    return 1


def _beat(source: Source, generation: int) -> None:
    source.marks._default_manager.filter(pk=generation).update(
        ran_at=_one("SELECT clock_timestamp()")
    )


def _pending(source: Source, generation: int) -> _Horizon | None:
    mark = source.marks._default_manager.filter(pk=generation).first()
    if (
        mark is None
        or mark.pending_to is None
        or mark.pending_xid is None
        or mark.pending_at is None
    ):
        return None
    return _Horizon(mark.pending_to, mark.pending_xid, mark.pending_at)


def _horizon(source: Source, wait_s: float) -> _Horizon | None:
    # In this order, each a statement by itself: who drew a number up to `last_value` and still runs
    # has a transaction id by then, which is below our own. (A snapshot's xmax would not do: it is
    # one above the last that *ended*.)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp(),"
            " coalesce(pg_sequence_last_value(pg_get_serial_sequence(%s, %s)::regclass), 0)",
            [source.table, source.column],
        )
        at, to = cursor.fetchone()
    ends = time.monotonic() + wait_s
    while _one(_DRAWS_WITHOUT_ID, [source.table]):
        if time.monotonic() > ends:
            return None
        time.sleep(_POLL_S)
    return _Horizon(to, _one("SELECT pg_current_xact_id()::text::bigint"), at)


_DRAWS_WITHOUT_ID = """
SELECT EXISTS (
    SELECT FROM pg_locks l
    WHERE l.locktype = 'relation' AND l.relation = %s::regclass AND l.mode = 'RowExclusiveLock'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.pid <> pg_backend_pid()
      AND NOT EXISTS (SELECT FROM pg_locks x
                      WHERE x.virtualtransaction = l.virtualtransaction
                        AND x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock'))
"""


# A running transaction with an id holds a lock on it until after its end can be seen, and a writer
# holds the table's since before its first number; who holds none of the table, in this database or
# another, holds up nothing. Ids in locks have 32 bits, so their distance is compared.
_OLDER_RUNS = """
SELECT EXISTS (
    SELECT FROM pg_locks l JOIN pg_locks r ON r.virtualtransaction = l.virtualtransaction
    WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock' AND l.granted
      AND r.locktype = 'relation' AND r.relation = %s::regclass AND r.mode = 'RowExclusiveLock'
      AND r.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND l.pid IS DISTINCT FROM pg_backend_pid()
      AND ((%s - l.transactionid::text::bigint) & 4294967295) BETWEEN 1 AND 2147483647)
"""


def _is_past(source: Source, horizon: _Horizon) -> bool:
    """Say whether all writers older than the horizon have ended, our own transaction apart: what it
    wrote we see. A database restored elsewhere counts from the start: all are past.
    """
    if _one("SELECT pg_current_xact_id()::text::bigint") < horizon.xid:
        return True
    return not _one(_OLDER_RUNS, [source.table, horizon.xid])


def _await(source: Source, horizon: _Horizon, wait_s: float) -> bool:
    ends = time.monotonic() + wait_s
    while not _is_past(source, horizon):
        if time.monotonic() > ends:
            return False
        time.sleep(_POLL_S)
    return True


def _held_up(source: Source, generation: int, done: Ran) -> Ran:
    """Note the run, and sound the alarm where sums have been standing still for minutes."""
    _beat(source, generation)
    mark = source.marks._default_manager.filter(pk=generation).first()
    if mark is None:
        return done
    since = mark.as_of or mark.pending_at
    age_s = (mark.ran_at - since).total_seconds() if since and mark.ran_at else 0
    if age_s > HELD_UP_S:
        extra = {
            "source": source.name,
            "age_s": round(age_s),
            "holder_pid": _one(_HOLDER, [source.table]),
        }
        log.error("rollups.held_up", extra=extra)
    return done


# The writer of the table that has been at it for longest.
_HOLDER = """
SELECT (SELECT l.pid FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'relation' AND l.relation = %s::regclass
          AND l.mode = 'RowExclusiveLock' AND l.pid <> pg_backend_pid()
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        ORDER BY a.xact_start LIMIT 1)
"""


def _one(statement: str, parameters: list[Any] | None = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or [])
        return cursor.fetchone()[0]
