"""The lines of one account with the balance after each, as a bank statement has them.

One statement each, so that lines and balance are of the same moment: the trigger writes both in the
posting's own transaction. Lines stand in the order of their ids.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

CHUNK = 2_000

_NEWEST = """
WITH kept AS (
    SELECT id, CASE WHEN normal_side = 'debit' THEN 1 ELSE -1 END AS sign
    FROM ledger_account WHERE name = %(name)s),
held AS (
    SELECT coalesce(sum(balance_minor), 0)::bigint AS minor FROM ledger_balance
    WHERE account_id = (SELECT id FROM kept))
SELECT line.id, line.created_at,
    (SELECT kind FROM ledger_journal WHERE id = line.journal_id), line.reference, line.currency,
    line.change, line.balance
FROM (
    SELECT p.id, p.created_at, p.journal_id, p.reference, p.currency,
        p.amount_minor * (SELECT sign FROM kept) AS change,
        ((SELECT minor FROM held) - coalesce(sum(p.amount_minor * (SELECT sign FROM kept)) OVER (
            ORDER BY p.id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0))::bigint AS balance
    FROM ledger_posting p WHERE p.account_id = (SELECT id FROM kept)
) line
WHERE (%(before)s::bigint IS NULL OR line.id < %(before)s::bigint)
  AND (%(since)s::timestamptz IS NULL OR line.created_at >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR line.created_at < %(until)s::timestamptz)
ORDER BY line.id DESC LIMIT %(limit)s
"""
_OLDEST = """
SELECT line.id, line.created_at, journal.kind, line.reference, line.currency,
    line.change, line.balance
FROM (
    SELECT p.id, p.created_at, p.journal_id, p.reference, p.currency,
        p.amount_minor * a.sign AS change,
        (sum(p.amount_minor * a.sign) OVER (ORDER BY p.id))::bigint AS balance
    FROM ledger_posting p
    JOIN (SELECT id, CASE WHEN normal_side = 'debit' THEN 1 ELSE -1 END AS sign
          FROM ledger_account WHERE name = %(name)s) a ON a.id = p.account_id
) line JOIN ledger_journal journal ON journal.id = line.journal_id
WHERE (%(since)s::timestamptz IS NULL OR line.created_at >= %(since)s::timestamptz)
  AND (%(until)s::timestamptz IS NULL OR line.created_at < %(until)s::timestamptz)
ORDER BY line.id
"""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One posting: what it changed and what was there after it, in the account's natural sign."""

    id: int
    created_at: datetime
    kind: str
    reference: str
    currency: str
    change_minor: int
    balance_minor: int


def newest_lines(
    name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> list[StatementLine]:
    """Return one page of an account's lines, newest first; the next page begins before the last
    id. Costs what lies above the page, so old pages cost more.
    """
    values: dict[str, Any] = {"name": name, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {**values, "before": before_id, "limit": limit})
        return [StatementLine(*row) for row in cursor.fetchall()]


def all_lines(
    name: str, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[list[StatementLine]]:
    """Yield an account's lines in chunks, oldest first, over a cursor of the server's."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_OLDEST, {"name": name, "since": since, "until": until})
        while rows := cursor.fetchmany(CHUNK):
            yield [StatementLine(*row) for row in rows]
