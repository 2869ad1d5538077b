"""One run: read what the bank booked, find counterparts, ask where it knows more, compare, tell."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from django.db import connection

from payouts.models import ReconciliationBreak
from payouts.rails.base import Rail, RailReadError
from payouts.services import banking
from payouts.services.reconciliation import asking, breaks, statements, streams
from payouts.services.reconciliation.matching import match
from payouts.services.reconciliation.totals import Closing, Total, closings, totals

log = logging.getLogger(__name__)

MANY = 1_000


@dataclass(slots=True)
class Outcome:
    """What one run did, and how things stand. `failures`: stream -> why it could not be read."""

    entries_read: int = 0
    notices_read: int = 0
    asked: int = 0
    opened: int = 0
    closed: int = 0
    open_by_kind: dict[str, int] = field(default_factory=dict)
    totals: list[Total] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def open_count(self) -> int:
        """Return how many breaks are open."""
        return sum(self.open_by_kind.values())

    @property
    def unexplained(self) -> list[Total]:
        """Return the totals whose difference nothing explains."""
        return [total for total in self.totals if total.unexplained_minor]


def _silent(what: str, count: int) -> None:
    """Tell nobody."""


def reconcile(
    *,
    on: date | None = None,
    is_full: bool = False,
    progress: Callable[[str, int], None] = _silent,
) -> Outcome:
    """Reconcile every provider; `on` also compares the statement of that day, which has ended.

    `is_full` reads the streams from their beginning again, to find entries the bank has changed.
    A stream that cannot be read is reported in `failures` and hides nothing of the others. Asks
    the bank (network, no transaction open) about payouts whose entries say more than we know.
    Safe to repeat: a second run of the same facts changes nothing. Raises InvalidRequestError
    (the day has not ended).
    """
    if on is not None:
        statements.check_date(on)
    done = Outcome()
    for provider in sorted(banking.providers()):
        rails = banking.rails().of_provider(provider)
        _reconcile(provider, rails, on, is_full, progress, done)
    for kind in ReconciliationBreak.objects.filter(resolved_at=None).values_list("kind", flat=True):
        done.open_by_kind[kind] = done.open_by_kind.get(kind, 0) + 1
    for total in done.unexplained:
        log.critical(
            "reconciliation.unexplained",
            extra={"currency": total.currency, "amount_minor": total.unexplained_minor},
        )
    return done


def _reconcile(
    provider: str,
    rails: Sequence[Rail],
    on: date | None,
    is_full: bool,
    progress: Callable[[str, int], None],
    done: Outcome,
) -> None:
    names = [rail.name for rail in rails]
    # Notices first: whatever a notice speaks of is then among the entries that are read after it.
    for rail in rails:
        pull = partial(streams.pull_notices, rail, is_full=is_full, progress=progress)
        done.notices_read += _try(done, f"{rail.name} notices", pull)
    for rail in rails:
        pull = partial(streams.pull_entries, rail, is_full=is_full, progress=progress)
        done.entries_read += _try(done, f"{rail.name} entries", pull)
        # Without the entries every line of a statement would look unknown.
        if on is not None and f"{rail.name} entries" not in done.failures:
            read = partial(_read_statement, rail, on, progress)
            _try(done, f"{rail.name} statement", read)
    _measure(done)
    match(provider, names)
    done.asked += asking.ask(provider, progress)
    match(provider, names)
    _measure(done)
    change = breaks.compare(provider)
    done.opened += change.opened
    done.closed += change.closed
    done.totals += totals(provider, names)
    if on is not None:
        done.closings += closings(provider, on)


def _measure(done: Outcome) -> None:
    """After many new rows the planner still takes the table for small and loops over it."""
    if done.entries_read >= MANY:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE payouts_bankentry")


def _read_statement(rail: Rail, on: date, progress: Callable[[str, int], None]) -> int:
    count = statements.read_statement(rail, on).entry_count
    progress(f"{rail.name} statement", count)
    return count


def _try(done: Outcome, what: str, read: Callable[[], int]) -> int:
    try:
        return read()
    except RailReadError as error:
        done.failures[what] = str(error)
        log.warning("reconciliation.unread", extra={"stream": what, "why": str(error)})
        return 0
