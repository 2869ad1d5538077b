"""Rescreen: compare payouts and past recipients with names that came onto the lists.

A rescreen is a row that workers take in slices under a lease; where one dies, the next goes on from
its cursor. Payouts that can still be stopped come first, then recipients already paid.

No payout slips between screening and rescreen: one that is being screened with the old lists at
this moment is read as `screening`, and `rescreen_cases` waits for its lock and finds it queued.
"""

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from django.db import connection, transaction

from atlaspay.core import context
from atlaspay.core.errors import AtlasError, FieldError, InvalidRequestError
from atlaspay.core.ids import encode
from atlaspay.core.nudge import nudge
from compliance.models import Rescreen
from compliance.screening.partial import NewNames, new_names
from compliance.services import rescreen_cases
from compliance.services.rescreen_stuck import INTERRUPTIONS_MAX, TASK, give_up

log = logging.getLogger(__name__)

DAYS = 365
LEASE_S = 60
PAGE = 5_000
CHUNK = 200
# A page ends well inside its lease and its task's limit, whatever its names cost.
PAGE_S = 5.0
SLOW_CHUNK = 20

_CLAIM = """
UPDATE compliance_rescreen SET state = 'running', claim_id = %s,
    interruptions = interruptions + (leased_until IS NOT NULL)::int,
    leased_until = clock_timestamp() + %s * interval '1 second'
WHERE id = (
    SELECT id FROM compliance_rescreen
    WHERE state IN ('waiting', 'running') AND (%s::bigint IS NULL OR id = %s)
        AND (leased_until IS NULL OR leased_until < clock_timestamp())
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
_KEEP = """
UPDATE compliance_rescreen SET cursor = %s, done = done + %s,
    interruptions = 0, progressed_at = clock_timestamp(),
    leased_until = clock_timestamp() + %s * interval '1 second'
WHERE id = %s AND claim_id = %s
"""
_RENEW = """
UPDATE compliance_rescreen SET leased_until = clock_timestamp() + %s * interval '1 second'
WHERE id = %s AND claim_id = %s
"""
_COUNTED = """
UPDATE compliance_rescreen r SET held = h.held, raised = h.raised, paid = h.paid
FROM (SELECT count(DISTINCT payout_id) FILTER (WHERE outcome = 'held') AS held,
        count(DISTINCT payout_id) FILTER (WHERE outcome = 'raised') AS raised,
        count(DISTINCT payout_id) FILTER (WHERE outcome = 'paid') AS paid
    FROM compliance_rescreenhit WHERE rescreen_id = %s) h
WHERE r.id = %s
"""
_RELEASE = """
UPDATE compliance_rescreen SET claim_id = NULL, leased_until = NULL,
    state = CASE WHEN %s THEN 'done' ELSE state END,
    finished_at = CASE WHEN %s THEN clock_timestamp() END,
    detail = %s
WHERE id = %s AND claim_id = %s
"""
# The first is what the index of open payouts goes by, the second what open means.
_OPEN = "final_at IS NULL AND NOT state IN ('canceled', 'failed', 'returned', 'settled')"
_OPEN_PAGE = f"""
SELECT id, recipient_name FROM payouts_payout WHERE {_OPEN} AND id > %s ORDER BY id LIMIT %s
"""  # noqa: S608 - constants only
_PAST_PAGE = """
SELECT id, CASE WHEN state IN ('settled', 'returned') AND submitted_at >= %s THEN recipient_name END
FROM payouts_payout WHERE id < %s AND id >= %s ORDER BY id DESC LIMIT %s
"""
_TOTAL = f"""
SELECT (SELECT count(*) FROM payouts_payout WHERE {_OPEN})
    + (SELECT count(*) FROM payouts_payout WHERE id >= %s)
"""  # noqa: S608 - constants only
_LAST_ID = "po_~"

# Sent, reported, then refused by the bank and queued to be sent again: now it can be held.
_REQUEUED = """
SELECT h.rescreen_id, array_agg(DISTINCT h.payout_id), array_agg(DISTINCT h.entry_id)
FROM compliance_rescreenhit h JOIN payouts_payout p ON p.id = h.payout_id
WHERE h.outcome = 'paid' AND h.reviewed_at IS NULL AND p.state = 'queued'
GROUP BY h.rescreen_id ORDER BY h.rescreen_id
"""
_NOW_HELD = """
UPDATE compliance_rescreenhit SET outcome = 'held' WHERE outcome = 'paid' AND rescreen_id = %s
    AND payout_id IN (SELECT id FROM payouts_payout WHERE id = ANY(%s) AND state = 'in_review')
"""


class _LostLeaseError(AtlasError):
    """Somebody else goes on with it."""


@dataclass(slots=True)
class _Turn:
    """One claimed slice: the row, who holds it, and where it stands."""

    rescreen: Rescreen
    claim_id: uuid.UUID
    names: NewNames


def start(cause: str, *, since_lists: Mapping[str, int], days: int = DAYS) -> Rescreen:
    """Ask for a rescreen against names that came after these revisions; workers do it.

    `days` is how far back recipients already paid are compared, 0 for none.
    """
    if not 0 <= days <= 3_660:
        error = FieldError(pointer="/days", code="range", detail="0 to 3,660 days")
        raise InvalidRequestError("Days must be between 0 and 3,660.", errors=[error])
    made = Rescreen.objects.create(
        cause=cause[:200], since_lists=dict(since_lists), days=days, actor=context.actor()
    )
    nudge(TASK)
    log.info("rescreen.started", extra={"rescreen": made.pk, "since": dict(since_lists)})
    return made


def run(
    *,
    slice_s: float,
    rescreen_id: int | None = None,
    progress: Callable[[Rescreen], None] = lambda rescreen: None,
) -> bool:
    """Work on the oldest rescreen that nobody holds (or this one) for about `slice_s`; say whether
    more is left. Safe in parallel and twice."""
    _hold_requeued()
    claim_id = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [claim_id, LEASE_S, rescreen_id, rescreen_id])
        row = cursor.fetchone()
    if row is None:
        return False
    rescreen = Rescreen.objects.get(pk=row[0])
    if rescreen.interruptions > INTERRUPTIONS_MAX:
        give_up(rescreen, claim_id)
        return True
    since = tuple(sorted(rescreen.since_lists.items()))
    turn = _Turn(rescreen, claim_id, _names(rescreen.pk, since))
    ends, is_done = time.monotonic() + slice_s, not turn.names.entry_ids
    if not rescreen.cursor and not is_done:
        _count(rescreen)
    with context.bind(reason=f"rescreen {rescreen.pk}: {rescreen.cause}"[:100]):
        while not is_done:
            try:
                is_done = _page(turn)
            except _LostLeaseError:
                log.info("rescreen.lease_lost", extra={"rescreen": rescreen.pk})
                return True
            progress(rescreen)
            if time.monotonic() >= ends:
                break
    _release(turn, is_done=is_done)
    return True


@lru_cache(maxsize=1)
def _names(rescreen_id: int, since: tuple[tuple[str, int], ...]) -> NewNames:
    """Index a rescreen's names once a process: a revision never gets more of them."""
    return new_names(dict(since))


def forget() -> None:
    """Let go of the names: the next slice reads them anew."""
    _names.cache_clear()


def _count(rescreen: Rescreen) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TOTAL, [_low_id(rescreen)])
        (rescreen.total,) = cursor.fetchone()
    Rescreen.objects.filter(pk=rescreen.pk).update(total=rescreen.total, done=0)
    rescreen.done, rescreen.cursor = 0, "open:"


def _page(turn: _Turn) -> bool:
    """Compare one page; say whether it was the last."""
    rescreen = turn.rescreen
    phase, _, at = rescreen.cursor.partition(":")
    with connection.cursor() as cursor:
        if phase == "open":
            cursor.execute(_OPEN_PAGE, [at, PAGE])
        else:
            since = rescreen.created_at - timedelta(days=rescreen.days)
            cursor.execute(_PAST_PAGE, [since, at, _low_id(rescreen), PAGE])
        rows = cursor.fetchall()
    is_end = len(rows) < PAGE
    like, compared = _resembling(turn.names, rows)
    is_slow = compared < len(rows)
    if is_slow:
        rows, is_end = rows[:compared], False
    chunk = SLOW_CHUNK if is_slow else CHUNK
    for begin in range(0, len(like), chunk):
        rescreen_cases.act(rescreen.pk, like[begin : begin + chunk], turn.names.entry_ids)
        _hold_on(turn, _RENEW, [LEASE_S])
    if not is_end:
        rescreen.cursor = f"{phase}:{rows[-1][0]}"
    elif phase == "open":
        rescreen.cursor = f"past:{_LAST_ID}"
    is_last = is_end and phase == "past"
    rescreen.done += len(rows)
    _hold_on(turn, _KEEP, [rescreen.cursor, len(rows), LEASE_S])
    if like:
        with connection.cursor() as cursor:
            cursor.execute(_COUNTED, [rescreen.pk, rescreen.pk])
    return is_last


def _hold_on(turn: _Turn, statement: str, values: list[str | int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [*values, turn.rescreen.pk, turn.claim_id])
        if cursor.rowcount == 0:
            # Another worker found the lease run out and goes on from the cursor before this page.
            raise _LostLeaseError


def _resembling(names: NewNames, rows: Sequence[tuple[str, str | None]]) -> tuple[list[str], int]:
    """Return the payouts whose names resemble a new one, of so many rows as fit into the time."""
    like: list[str] = []
    ends = time.monotonic() + PAGE_S
    for compared, (payout_id, name) in enumerate(rows, 1):
        if name is not None and names.resembled_by(name):
            like.append(payout_id)
        if time.monotonic() >= ends:
            return like, compared
    return like, len(rows)


def _release(turn: _Turn, *, is_done: bool) -> None:
    rescreen = turn.rescreen
    count = len(turn.names.entry_ids)
    detail = f"{count:,} new names" if count else "no name is new"
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, [is_done, is_done, detail, rescreen.pk, turn.claim_id])
    if is_done:
        forget()
        rescreen.refresh_from_db()
        log.info(
            "rescreen.done",
            extra={
                "rescreen": rescreen.pk,
                "compared": rescreen.done,
                "held": rescreen.held,
                "raised": rescreen.raised,
                "paid": rescreen.paid,
            },
        )


def _hold_requeued() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_REQUEUED)
        rows = cursor.fetchall()
    for rescreen_id, payout_ids, entry_ids in rows:
        with context.bind(reason=f"rescreen {rescreen_id}: queued again"), transaction.atomic():
            rescreen_cases.act(rescreen_id, payout_ids, frozenset(entry_ids))
            with connection.cursor() as cursor:
                cursor.execute(_NOW_HELD, [rescreen_id, payout_ids])


def _low_id(rescreen: Rescreen) -> str:
    """Return the smallest payout id of the first day compared: ids begin with their time."""
    first = rescreen.created_at - timedelta(days=rescreen.days)
    return f"po_{encode(int(first.timestamp() * 1000) << 80)}"
