"""The breaks: what is wanted open now, compared with what is open. The same comparison opens and
closes, so that a break ends by itself when its missing side arrives.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from atlaspay.core import context
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from payouts.models import ReconciliationBreak
from payouts.services.funding import FUNDED
from payouts.services.reconciliation.lock import step

log = logging.getLogger(__name__)

# What we booked may take this long to show at the bank before it is a break.
MISSING_AFTER = timedelta(minutes=10)
NOTE_LENGTH = (10, 300)
LOGGED = 50

# "Ours only" counts up to what was read: a bank that cannot be reached makes nothing missing.
_WANTED = """
CREATE TEMP TABLE wanted_breaks ON COMMIT DROP AS
WITH read AS (
    SELECT rail, read_at - %(wait)s AS until FROM payouts_bankstream
     WHERE provider = %(provider)s AND kind = 'entries' AND read_at IS NOT NULL
)
SELECT e.cause::text AS kind, 'entry:' || e.reference AS subject, e.id AS entry_id,
       coalesce(a.payout_id, r.payout_id)::text AS payout_id, e.currency::text AS currency,
       CASE WHEN e.cause NOT IN ('amount_differs', 'entry_changed') THEN 0
            WHEN e.cause = 'entry_changed' THEN e.amount_minor
            WHEN e.returned_id IS NOT NULL THEN r.amount_minor
            WHEN e.attempt_id IS NOT NULL THEN -p.amount_minor
            ELSE coalesce((SELECT sum(l.amount_minor) FROM ledger_posting l
                   JOIN ledger_account c ON c.id = l.account_id
                  WHERE l.reference = e.funding_reference
                    AND c.name = 'bank:' || e.provider || ':cash:' || e.currency), 0)
       END::bigint AS expected_minor,
       e.amount_minor AS actual_minor,
       left(CASE WHEN e.cause = 'entry_changed' THEN 'the bank now says: ' || e.bank_changed
                 WHEN e.cause = 'theirs_only' AND e.attempt_id IS NOT NULL
                      THEN e.kind || ': money back, but no return that the bank confirms'
                 WHEN e.cause = 'state_differs' THEN 'attempt is ' || a.state
                 ELSE e.kind END, 300) AS detail
  FROM payouts_bankentry e
  LEFT JOIN payouts_attempt a ON a.id = e.attempt_id
  LEFT JOIN payouts_payout p ON p.id = a.payout_id
  LEFT JOIN payouts_return r ON r.id = e.returned_id
 WHERE e.provider = %(provider)s AND e.is_open AND e.cause <> ''
UNION ALL
SELECT 'ours_only', 'attempt:' || a.id, NULL, a.payout_id, p.currency, -p.amount_minor, 0,
       'settled here, no entry of ' || a.end_to_end_id
  FROM payouts_attempt a JOIN read ON read.rail = a.rail JOIN payouts_payout p ON p.id = a.payout_id
 WHERE a.state = 'settled' AND a.finished_at < read.until
   AND NOT EXISTS (SELECT FROM payouts_bankentry e
                    WHERE e.attempt_id = a.id AND e.amount_minor < 0)
UNION ALL
SELECT 'ours_only', 'return:' || r.id, NULL, r.payout_id, r.currency, r.amount_minor, 0,
       'returned here, no entry of ' || r.bank_reference
  FROM payouts_return r JOIN read ON read.rail = r.rail
 WHERE r.created_at < read.until
   AND NOT EXISTS (SELECT FROM payouts_bankentry e WHERE e.returned_id = r.id)
UNION ALL
SELECT 'ours_only', 'funding:' || l.reference, NULL, NULL, l.currency, sum(l.amount_minor), 0,
       'booked as received, no entry with this reference'
  FROM ledger_journal j JOIN ledger_posting l ON l.journal_id = j.id
  JOIN ledger_account c ON c.id = l.account_id
 WHERE j.kind = %(funded)s AND c.name = 'bank:' || %(provider)s || ':cash:' || l.currency
   AND j.created_at < (SELECT min(until) FROM read)
   AND NOT EXISTS (SELECT FROM payouts_bankentry e WHERE e.provider = %(provider)s
                      AND e.funding_reference <> '' AND e.funding_reference = l.reference)
 GROUP BY l.reference, l.currency
UNION ALL
SELECT 'notice_differs', 'notice:' || n.reference, e.id, a.payout_id, n.currency,
       coalesce(e.amount_minor, 0), n.amount_minor,
       CASE WHEN e.id IS NULL THEN 'notified, but not booked'
            ELSE 'notified ' || n.amount_minor || ', booked ' || e.amount_minor END
  FROM payouts_banknotice n
  LEFT JOIN payouts_bankentry e ON e.provider = n.provider AND e.account_id = n.account_id
   AND e.reference = n.reference
  LEFT JOIN payouts_attempt a ON a.id = e.attempt_id
 WHERE n.provider = %(provider)s AND n.is_open
   AND (e.id IS NOT NULL OR n.read_at < (SELECT min(until) FROM read))
UNION ALL
SELECT 'statement_missing', 'entry:' || e.reference, e.id, a.payout_id, e.currency,
       e.amount_minor, 0, 'booked on ' || s."on" || ', on no statement'
  FROM payouts_bankstatement s
  JOIN payouts_bankentry e ON e.provider = s.provider AND e.account_id = s.account_id
   AND e.statement_on IS NULL AND e.booked_at >= s.begins_at AND e.booked_at < s.ends_at
  LEFT JOIN payouts_attempt a ON a.id = e.attempt_id
 WHERE s.provider = %(provider)s
UNION ALL
SELECT 'statement_differs', x.subject, NULL, NULL, s.currency, x.expected_minor, x.actual_minor,
       left(x.detail, 300)
  FROM payouts_bankstatement s, jsonb_to_recordset(s.problems)
       AS x(subject text, expected_minor bigint, actual_minor bigint, detail text)
 WHERE s.provider = %(provider)s AND s.problems <> '[]'::jsonb
"""
_CLOSE = """
UPDATE payouts_reconciliationbreak b
   SET resolved_at = clock_timestamp(), resolved_by = %(actor)s, note = 'agrees since'
 WHERE b.provider = %(provider)s AND b.resolved_at IS NULL
   AND NOT EXISTS (SELECT FROM wanted_breaks w WHERE (w.kind, w.subject) = (b.kind, b.subject)
                      AND (w.expected_minor, w.actual_minor) = (b.expected_minor, b.actual_minor))
"""
# One that a person closed with a note stays closed for as long as its amounts stay the same.
_OPEN = """
INSERT INTO payouts_reconciliationbreak (provider, kind, subject, entry_id, payout_id, currency,
       expected_minor, actual_minor, detail, opened_at, resolved_by, is_resolved_by_hand, owner,
       note)
SELECT %(provider)s, w.kind, w.subject, w.entry_id, w.payout_id, w.currency, w.expected_minor,
       w.actual_minor, w.detail, clock_timestamp(), '', false, '', ''
  FROM wanted_breaks w
 WHERE NOT EXISTS (SELECT FROM payouts_reconciliationbreak b WHERE b.provider = %(provider)s
          AND (b.kind, b.subject) = (w.kind, w.subject)
          AND (b.resolved_at IS NULL OR (b.is_resolved_by_hand
               AND (b.expected_minor, b.actual_minor) = (w.expected_minor, w.actual_minor))))
 ORDER BY w.kind, w.subject
RETURNING kind, subject
"""


@dataclass(frozen=True, slots=True)
class Change:
    """How many breaks one comparison opened and closed."""

    opened: int
    closed: int


def compare(provider: str) -> Change:
    """Open and close breaks so that they are what the books say now. Logs each new one."""
    values: dict[str, Any] = {
        "provider": provider,
        "wait": MISSING_AFTER,
        "funded": FUNDED,
        "actor": context.actor(),
    }
    with step(provider), connection.cursor() as cursor:
        cursor.execute(_WANTED, values)
        cursor.execute(_CLOSE, values)
        closed = int(cursor.rowcount)
        cursor.execute(_OPEN, values)
        opened = cursor.fetchall()
        cursor.execute("DROP TABLE wanted_breaks")
    for kind, subject in opened[:LOGGED]:
        log.error("reconciliation.break", extra={"break_kind": kind, "subject": subject})
    if len(opened) > LOGGED:
        log.error("reconciliation.breaks", extra={"count": len(opened)})
    return Change(len(opened), closed)


def take(break_ids: Sequence[int]) -> int:
    """Make the acting person the owner of open breaks; return how many. Errors as below."""
    with transaction.atomic():
        taken = _open(break_ids).update(owner=context.actor()[:80])
        _all_found(break_ids, taken)
    return taken


def close_by_hand(break_ids: Sequence[int], *, note: str) -> int:
    """Close breaks that comparing cannot close, such as a fee that was dealt with; return how many.

    Changes no money and no payout. The break stays closed while its amounts stay the same. Raises
    InvalidRequestError (no note), NotFoundError, ConflictError (closed already); then none is
    closed.
    """
    note = " ".join(note.split())
    low, high = NOTE_LENGTH
    if not low <= len(note) <= high:
        raise InvalidRequestError(f"A note has {low} to {high} characters: what explains it?")
    with transaction.atomic():
        closed = _open(break_ids).update(
            resolved_at=Now(),
            resolved_by=context.actor()[:80],
            is_resolved_by_hand=True,
            owner=context.actor()[:80],
            note=note,
        )
        _all_found(break_ids, closed)
    log.warning("reconciliation.closed_by_hand", extra={"breaks": sorted(set(break_ids))})
    return closed


def _open(break_ids: Sequence[int]) -> QuerySet[ReconciliationBreak]:
    return ReconciliationBreak.objects.filter(id__in=break_ids, resolved_at=None)


def _all_found(break_ids: Sequence[int], done: int) -> None:
    if done == len(set(break_ids)):
        return
    known = ReconciliationBreak.objects.filter(id__in=break_ids)
    missing = sorted(set(break_ids) - set(known.values_list("id", flat=True)))
    if missing:
        raise NotFoundError(f"There is no break {missing[0]}.")
    raise ConflictError("One of these breaks is closed already.", code="break_closed")
