"""Our cash at a bank as the ledger has it, against what the bank booked, and what explains the
difference. A rest that nothing explains is an alarm: somebody wrote past the platform.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from ledger import selectors as ledger
from payouts.services.funding import FUNDED

_BOOKED = """
SELECT currency, count(*), sum(amount_minor) FROM payouts_bankentry
 WHERE provider = %(provider)s GROUP BY currency
"""
# What each open entry moves at the bank beyond what our books moved for it, in its own currency.
_OPEN = """
SELECT e.currency, CASE e.cause WHEN '' THEN 'in_flight' ELSE e.cause END, count(*),
       sum(e.amount_minor - CASE
           WHEN e.cause IN ('booked_twice', 'state_differs', 'theirs_only') THEN 0
           WHEN e.amount_minor < 0 AND a.state = 'settled' AND p.currency = e.currency
               THEN -p.amount_minor
           WHEN r.currency = e.currency THEN r.amount_minor
           WHEN e.funding_reference <> '' THEN coalesce((
               SELECT sum(l.amount_minor) FROM ledger_posting l
                 JOIN ledger_account c ON c.id = l.account_id
                WHERE l.reference = e.funding_reference
                  AND c.name = 'bank:' || e.provider || ':cash:' || e.currency), 0)
           ELSE 0 END)
  FROM payouts_bankentry e
  LEFT JOIN payouts_attempt a ON a.id = e.attempt_id
  LEFT JOIN payouts_payout p ON p.id = a.payout_id
  LEFT JOIN payouts_return r ON r.id = e.returned_id
 WHERE e.provider = %(provider)s AND e.is_open
 GROUP BY 1, 2 ORDER BY 1, 2
"""
# What our books moved and no entry of that currency shows, with the sign it has for the bank.
_OURS = """
SELECT currency, kind, count(*), sum(amount_minor) FROM (
    SELECT p.currency, 'settled_without_entry' AS kind, p.amount_minor
      FROM payouts_attempt a JOIN payouts_payout p ON p.id = a.payout_id
     WHERE a.state = 'settled' AND a.rail = ANY(%(rails)s)
       AND NOT EXISTS (SELECT FROM payouts_bankentry e WHERE e.attempt_id = a.id
                          AND e.amount_minor < 0 AND e.currency = p.currency)
    UNION ALL
    SELECT r.currency, 'returned_without_entry', -r.amount_minor
      FROM payouts_return r
     WHERE r.rail = ANY(%(rails)s)
       AND NOT EXISTS (SELECT FROM payouts_bankentry e WHERE e.returned_id = r.id
                          AND e.currency = r.currency)
    UNION ALL
    SELECT l.currency, 'funded_without_entry', -l.amount_minor
      FROM ledger_journal j JOIN ledger_posting l ON l.journal_id = j.id
      JOIN ledger_account c ON c.id = l.account_id
     WHERE j.kind = %(funded)s AND c.name = 'bank:' || %(provider)s || ':cash:' || l.currency
       AND NOT EXISTS (SELECT FROM payouts_bankentry e WHERE e.provider = %(provider)s
                          AND e.funding_reference <> '' AND e.funding_reference = l.reference)
) ours GROUP BY 1, 2 ORDER BY 1, 2
"""
# Of days whose statement was never read, entries are taken to be on it.
_CLOSINGS = """
SELECT s.account_id, s.currency, s."on", s.opening_minor, s.closing_minor,
       coalesce(sum(e.amount_minor), 0), count(e.id) FILTER (WHERE e.is_missing),
       coalesce(sum(e.amount_minor) FILTER (WHERE e.is_missing), 0)
  FROM payouts_bankstatement s
  LEFT JOIN LATERAL (
      SELECT b.id, b.amount_minor, b.statement_on > s."on" OR (b.statement_on IS NULL
             AND EXISTS (SELECT FROM payouts_bankstatement d
                          WHERE d.provider = b.provider AND d.account_id = b.account_id
                            AND b.booked_at >= d.begins_at AND b.booked_at < d.ends_at)
             ) AS is_missing
        FROM payouts_bankentry b
       WHERE b.provider = s.provider AND b.account_id = s.account_id AND b.booked_at < s.ends_at
  ) e ON true
 WHERE s.provider = %(provider)s AND s."on" = %(on)s
 GROUP BY s.id ORDER BY s.account_id
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One reason of a difference: how many things, and what they add to the bank's side."""

    count: int
    amount_minor: int


@dataclass(slots=True)
class Total:
    """One currency at one bank. `parts` explain `bank_minor - ledger_minor`; the rest is
    `unexplained_minor`.
    """

    provider: str
    currency: str
    ledger_minor: int = 0
    bank_minor: int = 0
    entry_count: int = 0
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def difference_minor(self) -> int:
        """Return what the bank has more than our books say."""
        return self.bank_minor - self.ledger_minor

    @property
    def unexplained_minor(self) -> int:
        """Return what no part explains; 0 in sound books."""
        return self.difference_minor - sum(part.amount_minor for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Closing:
    """A day's closing balance on the bank's statement against the entries booked to its end."""

    provider: str
    account_id: str
    currency: str
    on: date
    opening_minor: int
    closing_minor: int
    entries_to_end_minor: int
    missing_count: int
    missing_minor: int

    @property
    def unexplained_minor(self) -> int:
        """Return what entries that are missing from statements do not explain."""
        return self.closing_minor + self.missing_minor - self.entries_to_end_minor


def totals(provider: str, rails: list[str]) -> list[Total]:
    """Return the totals of a provider, one a currency with money on either side; all of them of
    one instant, so that payouts that settle meanwhile change nothing.
    """
    found: dict[str, Total] = {}

    def of(currency: str) -> Total:
        return found.setdefault(currency, Total(provider, currency))

    values: dict[str, Any] = {"provider": provider, "rails": rails, "funded": FUNDED}
    with _snapshot(), connection.cursor() as cursor:
        for name, amount_minor in ledger.balances(f"bank:{provider}:cash:").items():
            of(name.rpartition(":")[2]).ledger_minor = amount_minor
        cursor.execute(_BOOKED, values)
        for currency, count, amount_minor in cursor.fetchall():
            of(currency).entry_count, of(currency).bank_minor = count, int(amount_minor)
        for statement in (_OPEN, _OURS):
            cursor.execute(statement, values)
            for currency, kind, count, amount_minor in cursor.fetchall():
                of(currency).parts[kind] = Part(count, int(amount_minor))
    return [found[currency] for currency in sorted(found)]


@contextmanager
def _snapshot() -> Iterator[None]:
    """Read one snapshot. Inside a caller's transaction its own is used as it is."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def closings(provider: str, on: date) -> list[Closing]:
    """Return the closing balances of a day's statements, one an account."""
    with connection.cursor() as cursor:
        cursor.execute(_CLOSINGS, {"provider": provider, "on": on})
        return [Closing(provider, *map(_plain, row)) for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    """PostgreSQL sums bigint as numeric."""
    return int(value) if isinstance(value, Decimal) else value
