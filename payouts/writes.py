"""The statements behind the unit of work: payouts and attempts, written in sets. Called by
`services.unit` and dispatch only.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from payouts.models import Attempt, Payout

# Column and its SQL type; what transitions and services may change.
MUTABLE: tuple[tuple[str, str], ...] = (
    ("state", "text"),
    ("stage", "text"),
    ("rail", "text"),
    ("fallback_reason", "text"),
    ("due_at", "timestamptz"),
    ("deadline_at", "timestamptz"),
    ("claim_id", "uuid"),
    ("leased_until", "timestamptz"),
    ("attempt_count", "int"),
    ("failure_code", "text"),
    ("failure_message", "text"),
    ("bank_code", "text"),
    ("returned_minor", "bigint"),
    ("event_count", "int"),
    ("last_event_id", "text"),
    ("screened_at", "timestamptz"),
    ("reviewed_at", "timestamptz"),
    ("queued_at", "timestamptz"),
    ("sent_at", "timestamptz"),
    ("final_at", "timestamptz"),
)
_NAMES = [name for name, _ in MUTABLE]

# Rows are locked in id order first: the join of an UPDATE visits them in any order, and two units
# that do would wait for each other crosswise.
_UPDATE = f"""
WITH locked AS MATERIALIZED (
    SELECT id FROM payouts_payout WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE
)
UPDATE payouts_payout p
   SET version = p.version + 1, updated_at = %s, {", ".join(f"{n} = v.{n}" for n in _NAMES)}
  FROM unnest(%s::text[], %s::text[], %s::int[],
              {", ".join(f"%s::{kind}[]" for _, kind in MUTABLE)})
       AS v(id, old_state, old_version, {", ".join(_NAMES)})
  JOIN locked ON locked.id = v.id
 WHERE p.id = v.id AND p.state = v.old_state AND p.version = v.old_version
RETURNING p.id
"""  # noqa: S608 - column names are ours


def update_payouts(
    payouts: Sequence[Payout], loaded: Mapping[str, tuple[str, int]], *, now: datetime
) -> set[str]:
    """Write the mutable columns where state and version are still as loaded; return the ids that
    were not.

    `loaded` maps id -> (state, version) as read; the row's version rises by one.
    """
    columns: list[Any] = [
        [p.id for p in payouts],
        [loaded[p.id][0] for p in payouts],
        [loaded[p.id][1] for p in payouts],
    ]
    columns += [[getattr(p, name) for p in payouts] for name in _NAMES]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [columns[0], now, *columns])
        written = {row[0] for row in cursor.fetchall()}
    return {p.id for p in payouts} - written


_INSERTED: tuple[str, ...] = [
    "id",
    "batch_id",
    "partner_id",
    "position",
    "reference",
    "amount_minor",
    "currency",
    "recipient_name",
    "recipient_country",
    "account_type",
    "account_bank",
    "account_sealed",
    "account_last4",
    "account_index",
    "description",
    "metadata",
    "rail_requested",
    "execute_at",
    "state",
    "stage",
    "rail",
    "fallback_reason",
    "version",
    "due_at",
    "deadline_at",
    "attempt_count",
    "failure_code",
    "failure_message",
    "bank_code",
    "returned_minor",
    "event_count",
    "last_event_id",
    "submitted_at",
    "updated_at",
]  # type: ignore[assignment]


def insert_payouts(payouts: Sequence[Payout]) -> None:
    """Insert payouts with COPY; history and guards fire once for the whole set."""
    if not payouts:
        return
    statement = f"COPY payouts_payout ({', '.join(_INSERTED)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for payout in payouts:
            values = [getattr(payout, name) for name in _INSERTED]
            values[_METADATA] = Jsonb(payout.metadata)
            copy.write_row(values)


_METADATA = _INSERTED.index("metadata")

_ATTEMPT_COLUMNS = (
    ("id", "text"),
    ("payout_id", "text"),
    ("number", "int"),
    ("rail", "text"),
    ("bank_key", "text"),
    ("end_to_end_id", "text"),
    ("payload_hash", "bytea"),
    ("claim_id", "uuid"),
    ("sends", "int"),
)
_PUT_ATTEMPTS = f"""
INSERT INTO payouts_attempt ({", ".join(n for n, _ in _ATTEMPT_COLUMNS)},
       state, inquiries, bank_reference, bank_status, bank_code, canonical_code, detail)
SELECT v.*, 'sending', 0, '', '', '', '', ''
  FROM unnest({", ".join(f"%s::{kind}[]" for _, kind in _ATTEMPT_COLUMNS)}) AS v
"""  # noqa: S608 - column names are ours

_RESEND = """
UPDATE payouts_attempt a SET sends = a.sends + 1, claim_id = v.claim_id,
       state = CASE a.state WHEN 'not_sent' THEN 'sending' ELSE a.state END
  FROM unnest(%s::text[], %s::uuid[]) AS v(id, claim_id)
 WHERE a.id = v.id AND a.state IN ('not_sent', 'unknown')
RETURNING a.id
"""


def insert_attempts(attempts: Sequence[Attempt]) -> None:
    """Insert attempts that are about to be sent."""
    if not attempts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _PUT_ATTEMPTS, [[getattr(a, name) for a in attempts] for name, _ in _ATTEMPT_COLUMNS]
        )


def resend_attempts(attempts: Sequence[Attempt]) -> set[str]:
    """Put attempts that never reached the bank, or that the bank does not know, on the wire again
    with the same key.

    An unknown one stays unknown: even if this send is refused at the door, an earlier one may have
    been taken. Return the ids that were still free to be sent.
    """
    if not attempts:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_RESEND, [[a.id for a in attempts], [a.claim_id for a in attempts]])
        return {row[0] for row in cursor.fetchall()}


_OUTCOME_COLUMNS = (
    ("state", "text"),
    ("bank_reference", "text"),
    ("bank_status", "text"),
    ("bank_code", "text"),
    ("canonical_code", "text"),
    ("http_status", "int"),
    ("response_hash", "bytea"),
    ("detail", "text"),
    ("inquiries", "int"),
    ("answered_at", "timestamptz"),
    ("finished_at", "timestamptz"),
)
_OUTCOMES = f"""
UPDATE payouts_attempt a SET {", ".join(f"{n} = v.{n}" for n, _ in _OUTCOME_COLUMNS)}
  FROM unnest(%s::text[], {", ".join(f"%s::{kind}[]" for _, kind in _OUTCOME_COLUMNS)})
       AS v(id, {", ".join(n for n, _ in _OUTCOME_COLUMNS)})
 WHERE a.id = v.id
"""  # noqa: S608 - column names are ours


def update_attempts(attempts: Sequence[Attempt]) -> None:
    """Write what became of attempts; their payouts are locked, or compared and set, in the same
    transaction.
    """
    if not attempts:
        return
    values = [[a.id for a in attempts]]
    values += [[getattr(a, name) for a in attempts] for name, _ in _OUTCOME_COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, values)
