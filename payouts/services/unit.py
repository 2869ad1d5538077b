"""The unit of work: the only place that opens a transaction which changes payouts.

One step = state + history + postings + outbox, for one payout or a thousand: rows are locked in id
order, the FSM decides on objects in memory, and everything is written by one statement a table when
the block ends. No network inside.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from atlaspay.core import context
from atlaspay.core.nudge import nudge
from ledger.services import JournalDraft, Line, post_all
from payouts import events, writes
from payouts.errors import LostRaceError
from payouts.machine import FINAL_STATES, State
from payouts.models import Attempt, Batch, Payout
from payouts.pipeline import WAKE
from webhooks.outbox import NewEvent
from webhooks.outbox import emit as emit_events

LOCK_TIMEOUT_MS = 5_000

_CONTEXT = (
    "SELECT set_config('atlaspay.actor', %s, true), set_config('atlaspay.reason', %s, true),"
    " set_config('atlaspay.request_id', %s, true), set_config('atlaspay.user_id', %s, true),"
    f" set_config('lock_timeout', '{LOCK_TIMEOUT_MS}', true), clock_timestamp()"
)


class Work:
    """What one transaction is going to write. Collects in memory; `flush` writes in sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.changed: dict[str, Payout] = {}
        self._attempts: dict[str, Attempt] = {}
        self._loaded: dict[str, writes.Snapshot] = {}
        self._lines: dict[str, list[Line]] = defaultdict(list)
        self._events: list[NewEvent] = []
        self._batches: dict[str, Batch] = {}
        self._tasks: set[str] = set()

    # --- reading and locking ---

    def lock(self, ids: Iterable[str]) -> list[Payout]:
        """Lock payouts in id order and return them; unknown ids are simply not there."""
        rows = (
            Payout.objects.filter(id__in=sorted(set(ids)))
            .select_for_update(of=("self",))
            .order_by("id")
        )
        return self.adopt(rows)

    def claim(self, rows: Any) -> list[Payout]:
        """Lock what a queryset finds and nobody else holds (`SKIP LOCKED`); the queryset is ordered
        and sliced.
        """
        return self.adopt(rows.select_for_update(skip_locked=True, of=("self",)))

    def adopt(self, payouts: Iterable[Payout]) -> list[Payout]:
        """Remember the state and version of payouts as they were read; the write compares against
        them.
        """
        listed = list(payouts)
        for payout in listed:
            self._loaded[payout.id] = writes.snapshot(payout)
        return listed

    # --- what is to be written ---

    def change(self, payout: Payout) -> None:
        """Write this payout, which this unit has loaded; it has been moved by transitions or had
        columns set.
        """
        if payout.id not in self._loaded:
            raise LostRaceError(f"{payout.id} was not loaded by this unit")
        old_version, old_state, *_ = self._loaded[payout.id]
        payout.version = old_version + 1
        payout.updated_at = self.now
        if payout.state != old_state:
            if payout.state in FINAL_STATES:
                payout.final_at = payout.final_at or self.now
            if task := WAKE.get(State(payout.state)):
                self._tasks.add(task)
        self.changed[payout.id] = payout

    def answered(self, attempt: Attempt) -> None:
        """Write what became of an attempt; its payout is loaded by this unit."""
        self._attempts[attempt.id] = attempt

    def old_state(self, payout: Payout) -> str:
        """Return the state this payout had when this unit loaded it."""
        return str(self._loaded[payout.id][1])

    def post(self, kind: str, lines: Sequence[Line]) -> None:
        """Add ledger lines; all lines of one kind become one journal."""
        self._lines[kind].extend(lines)

    def emit(self, event_type: str, payout: Payout, **extra: Any) -> None:
        """Tell the partner; the payload shows the payout as it is when this is called."""
        self.change(payout)
        self._events.append(events.payout_event(event_type, payout, now=self.now, extra=extra))

    def emit_batch(self, event_type: str, batch: Batch, data: dict[str, Any]) -> None:
        """Tell the partner of a batch."""
        self._batches[batch.id] = batch
        self._events.append(events.batch_event(event_type, batch, data))

    def insert_batch(self, batch: Batch, payouts: Sequence[Payout]) -> None:
        """Insert a batch (unless a worker is taking in one that is stored) and its payouts, one
        statement each.
        """
        if batch._state.adding:
            batch.save(force_insert=True)
        else:
            batch.save()
        # The row now holds what was emitted before; only later events need another write.
        self._batches.pop(batch.id, None)
        writes.insert_payouts(payouts)
        if payouts:
            self._tasks.add(WAKE[State.SCREENING])

    def nudge(self, task_name: str) -> None:
        """Wake a worker after the commit."""
        self._tasks.add(task_name)

    def flush(self) -> None:
        """Write all of it. Raises LostRaceError if a row is not as it was loaded; the transaction
        rolls back.
        """
        if self.changed:
            ordered = [self.changed[key] for key in sorted(self.changed)]
            lost = writes.update_payouts(ordered, self._loaded, now=self.now)
            if lost:
                raise LostRaceError(f"{len(lost)} payouts changed meanwhile, first {min(lost)}")
        writes.update_attempts([self._attempts[key] for key in sorted(self._attempts)])
        if self._batches:
            Batch.objects.bulk_update(
                [self._batches[key] for key in sorted(self._batches)],
                ["event_count", "last_event_id", "completed_at"],
            )
        if self._lines:
            post_all([JournalDraft(kind, lines) for kind, lines in sorted(self._lines.items())])
        if self._events:
            emit_events(self._events)
        for task in sorted(self._tasks):
            nudge(task)


@contextmanager
def open(*, reason: str = "") -> Iterator[Work]:
    """Open the transaction, tell the database who acts and why, and write the work when the block
    ends.
    """
    bound = context.current()
    with transaction.atomic():
        with connection.cursor() as cursor:
            user_id = "" if bound.user_id is None else str(bound.user_id)
            cursor.execute(
                _CONTEXT, [bound.actor, reason or bound.reason, bound.request_id, user_id]
            )
            now = cursor.fetchone()[-1]
        work = Work(now)
        yield work
        work.flush()
