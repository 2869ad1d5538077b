"""Finding each bank entry's counterpart in our books, and whether the two agree.

A debit's counterpart is the attempt of its end-to-end id, a credit's the return of its bank
reference or the funding booked under its reference. A debit proves that money left our account, not
that it arrived: it settles nothing here.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from payouts.services.funding import FUNDED
from payouts.services.reconciliation.lock import step

_LINK_ATTEMPT = """
UPDATE payouts_bankentry e SET attempt_id = a.id FROM payouts_attempt a
 WHERE e.provider = %(provider)s AND e.is_open AND e.id > %(after)s AND e.id <= %(upto)s
   AND e.attempt_id IS NULL AND e.end_to_end_id <> ''
   AND a.rail = ANY(%(rails)s) AND a.end_to_end_id = e.end_to_end_id
"""
_LINK_RETURN = """
UPDATE payouts_bankentry e SET returned_id = r.id FROM payouts_return r
 WHERE e.provider = %(provider)s AND e.is_open AND e.id > %(after)s AND e.id <= %(upto)s
   AND e.returned_id IS NULL AND e.amount_minor > 0
   AND e.bank_reference <> '' AND r.rail = ANY(%(rails)s) AND r.bank_reference = e.bank_reference
"""
# The bank's reference is given to fund_partner: its own for the transfer, or the entry's.
_LINK_FUNDING = """
UPDATE payouts_bankentry e SET funding_reference = p.reference
  FROM ledger_posting p
  JOIN ledger_journal j ON j.id = p.journal_id AND j.kind = %(funded)s
  JOIN ledger_account a ON a.id = p.account_id AND a.name LIKE 'bank:%%:cash:%%'
 WHERE e.provider = %(provider)s AND e.is_open AND e.id > %(after)s AND e.id <= %(upto)s
   AND e.funding_reference = '' AND e.amount_minor > 0
   AND e.attempt_id IS NULL AND e.returned_id IS NULL
   AND p.reference <> '' AND p.reference IN (e.reference, e.bank_reference, e.end_to_end_id)
   AND a.name = 'bank:' || e.provider || ':cash:' || e.currency
"""
# Of several entries for one thing the first read is its proof; the others moved money again.
_JUDGE = """
WITH seen AS (
    SELECT e.id, a.state AS attempt_state,
           CASE
               WHEN EXISTS (SELECT FROM payouts_bankentry o WHERE o.attempt_id = e.attempt_id
                             AND o.amount_minor < 0 AND e.amount_minor < 0 AND o.id < e.id)
                 OR EXISTS (SELECT FROM payouts_bankentry o WHERE o.returned_id = e.returned_id
                             AND o.id < e.id)
                 OR EXISTS (SELECT FROM payouts_bankentry o WHERE e.funding_reference <> ''
                             AND o.funding_reference = e.funding_reference
                             AND o.funding_reference <> '' AND o.provider = e.provider
                             AND o.id < e.id)
                   THEN 'booked_twice'
               WHEN e.bank_changed <> '' THEN 'entry_changed'
               WHEN e.amount_minor < 0 AND a.id IS NOT NULL THEN CASE
                   WHEN (-e.amount_minor, e.currency) <> (p.amount_minor, p.currency)
                       THEN 'amount_differs'
                   WHEN a.state IN ('rejected', 'not_sent') THEN 'state_differs'
                   ELSE '' END
               WHEN r.id IS NOT NULL THEN CASE
                   WHEN (e.amount_minor, e.currency, coalesce(a.payout_id, r.payout_id))
                     <> (r.amount_minor, r.currency, r.payout_id) THEN 'amount_differs'
                   ELSE '' END
               WHEN e.funding_reference <> '' THEN CASE
                   WHEN e.amount_minor IS DISTINCT FROM (
                       SELECT sum(l.amount_minor) FROM ledger_posting l
                         JOIN ledger_account c ON c.id = l.account_id
                        WHERE l.reference = e.funding_reference
                          AND c.name = 'bank:' || e.provider || ':cash:' || e.currency)
                       THEN 'amount_differs'
                   ELSE '' END
               ELSE 'theirs_only'
           END AS cause
      FROM payouts_bankentry e
      LEFT JOIN payouts_attempt a ON a.id = e.attempt_id
      LEFT JOIN payouts_payout p ON p.id = a.payout_id
      LEFT JOIN payouts_return r ON r.id = e.returned_id
     WHERE e.provider = %(provider)s AND e.is_open AND e.id > %(after)s AND e.id <= %(upto)s
), judged AS (
    SELECT s.id, s.cause,
           CASE s.cause WHEN '' THEN 'matched' WHEN 'theirs_only' THEN 'unmatched'
                        ELSE 'broken' END AS status,
           s.cause <> '' OR coalesce(s.attempt_state, 'settled') <> 'settled' AS is_open
      FROM seen s
)
UPDATE payouts_bankentry e SET cause = j.cause, status = j.status, is_open = j.is_open
  FROM judged j
 WHERE e.id = j.id
   AND (e.cause, e.status, e.is_open) IS DISTINCT FROM (j.cause, j.status, j.is_open)
"""
_JUDGE_NOTICES = """
UPDATE payouts_banknotice n SET is_open = false FROM payouts_bankentry e
 WHERE n.provider = %(provider)s AND n.is_open AND n.id > %(after)s AND n.id <= %(upto)s
   AND e.provider = n.provider
   AND e.account_id = n.account_id AND e.reference = n.reference
   AND (e.amount_minor, e.currency, e.end_to_end_id)
     = (n.amount_minor, n.currency, n.end_to_end_id)
"""
# A backlog of a million entries is then many short transactions.
_NEXT = """
SELECT max(id) FROM (SELECT id FROM {table} WHERE provider = %(provider)s AND is_open
                        AND id > %(after)s ORDER BY id LIMIT %(chunk)s) t
"""
CHUNK = 5_000


def match(provider: str, rails: Sequence[str]) -> int:
    """Link and judge the provider's open entries and notices, a chunk a transaction; return how
    many entries were judged anew.
    """
    links = (_LINK_ATTEMPT, _LINK_RETURN, _LINK_FUNDING, _JUDGE)
    judged = _walk("payouts_bankentry", links, provider, rails)
    _walk("payouts_banknotice", (_JUDGE_NOTICES,), provider, rails)
    return judged


def _walk(table: str, statements: Sequence[str], provider: str, rails: Sequence[str]) -> int:
    """Run statements over a table's open rows; return how many rows the last of them changed."""
    values: dict[str, Any] = {
        "provider": provider,
        "rails": list(rails),
        "funded": FUNDED,
        "after": 0,
        "chunk": CHUNK,
    }
    changed = 0
    while True:
        with step(provider), connection.cursor() as cursor:
            cursor.execute(_NEXT.format(table=table), values)
            (upto,) = cursor.fetchone()
            if upto is None:
                return changed
            values["upto"] = upto
            for statement in statements:
                cursor.execute(statement, values)
            changed += int(cursor.rowcount)
            values["after"] = upto
