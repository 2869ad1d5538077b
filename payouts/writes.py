"""The statements behind the unit of work: payouts and attempts, written in sets.

Called by `services.unit`, dispatch and inquiry only.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from atlaspay.core.sets import Column, Spread, array, spread
from payouts.models import Attempt, Payout

# What transitions and services may change of a payout, with SQL types.
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
_take = itemgetter("version", *(name for name, _ in MUTABLE))

Snapshot = tuple[Any, ...]


def snapshot(payout: Payout) -> Snapshot:
    """Return version and mutable columns as they are on the object, for `update_payouts`."""
    return _take(payout.__dict__)


# Rows are locked in id order first: the join of an UPDATE visits them in any order, and two units
# that do would wait for each other crosswise. The count makes the lock the statement's first step.
_UPDATE = """
WITH locked AS MATERIALIZED (
    SELECT id FROM payouts_payout WHERE id = ANY(%s::text[]) ORDER BY id FOR UPDATE
)
UPDATE payouts_payout p SET version = p.version + 1, updated_at = %s{changes}
  FROM {source}
 WHERE p.id = v.id AND p.state = {state} AND p.version = {version}
   AND (SELECT count(*) FROM locked) > 0
RETURNING p.id
"""


def update_payouts(
    payouts: Sequence[Payout], before: Mapping[str, Snapshot], *, now: datetime
) -> set[str]:
    """Write what changed, where state and version are still as loaded; return the ids that were
    not.

    `before` maps id -> snapshot as read; the row's version rises by one.
    """
    ids = [p.id for p in payouts]
    old = list(zip(*[before[key] for key in ids], strict=True))
    new = list(zip(*[_take(p.__dict__) for p in payouts], strict=True))
    changed = [
        Column(name, kind, _plain(new[place]))
        for place, (name, kind) in enumerate(MUTABLE, 1)
        if new[place] != old[place]
    ]
    spent = spread(
        [
            Column("id", "text", ids),
            Column("old_version", "int", old[0]),
            Column("old_state", "text", _plain(old[1])),
            *changed,
        ],
        fixed=("id",),
    )
    statement = _UPDATE.format(
        changes="".join(f", {c.name} = {spent.value[c.name]}" for c in changed),
        source=spent.source,
        state=spent.value["old_state"],
        version=spent.value["old_version"],
    )
    parameters: list[Any] = [array(ids), now]
    for column in changed:
        parameters += spent.params[column.name]
    parameters += spent.source_params
    parameters += spent.params["old_state"] + spent.params["old_version"]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        written = {row[0] for row in cursor.fetchall()}
    return set(ids) - written


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    """Turn words of an enumeration into plain text."""
    return [str(v) for v in values] if isinstance(values[0], str) else values


_INSERTED: tuple[str, ...] = (
    *("id", "batch_id", "partner_id", "position", "reference", "amount_minor", "currency"),
    *("recipient_name", "recipient_country", "account_type", "account_bank", "account_sealed"),
    *("account_last4", "account_index", "description", "metadata", "rail_requested", "execute_at"),
    *("state", "stage", "rail", "fallback_reason", "version", "due_at", "deadline_at"),
    *("attempt_count", "failure_code", "failure_message", "bank_code", "returned_minor"),
    *("event_count", "last_event_id", "submitted_at", "updated_at"),
)
_METADATA = _INSERTED.index("metadata")
_insert_values = itemgetter(*_INSERTED)


def insert_payouts(payouts: Sequence[Payout]) -> None:
    """Insert payouts with COPY; history and guards fire once for the whole set."""
    if not payouts:
        return
    statement = f"COPY payouts_payout ({', '.join(_INSERTED)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for payout in payouts:
            values = list(_insert_values(payout.__dict__))
            values[_METADATA] = Jsonb(payout.metadata)
            copy.write_row(values)


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
    ("started_at", "timestamptz"),
)
_ATTEMPT_FIXED = "state, inquiries, bank_reference, bank_status, bank_code, canonical_code, detail"


def insert_attempts(attempts: Sequence[Attempt]) -> None:
    """Insert attempts that are about to be sent."""
    if not attempts:
        return
    spent, parameters = _rows(attempts, _ATTEMPT_COLUMNS)
    names = ", ".join(name for name, _ in _ATTEMPT_COLUMNS)
    values = ", ".join(spent.value[name] for name, _ in _ATTEMPT_COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO payouts_attempt ({names}, {_ATTEMPT_FIXED})"  # noqa: S608 - our names
            f" SELECT {values}, 'sending', 0, '', '', '', '', '' FROM {spent.source}",
            [*parameters, *spent.source_params],
        )


_RESEND = """
UPDATE payouts_attempt a SET sends = least(a.sends + 1, 32767), claim_id = v.claim_id,
       started_at = CASE a.state WHEN 'not_sent' THEN clock_timestamp() ELSE a.started_at END,
       state = CASE a.state WHEN 'not_sent' THEN 'sending' ELSE a.state END
  FROM unnest(%s::text[], %s::uuid[]) AS v(id, claim_id)
 WHERE a.id = v.id AND a.state IN ('not_sent', 'unknown')
RETURNING a.id
"""


def resend_attempts(attempts: Sequence[Attempt]) -> set[str]:
    """Put attempts that never reached the bank, or that the bank does not know, on the wire again
    with the same key.

    What never reached the bank begins anew: its silence is counted from this send. An unknown one
    stays unknown: even if this send is refused at the door, an earlier one may have
    been taken. Return the ids that were still free to be sent.
    """
    if not attempts:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_RESEND, [array([a.id for a in attempts]), [a.claim_id for a in attempts]])
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


def update_attempts(attempts: Sequence[Attempt]) -> None:
    """Write what became of attempts; their payouts are locked, or compared and set, in the same
    transaction.
    """
    if not attempts:
        return
    spent, parameters = _rows(attempts, (("id", "text"), *_OUTCOME_COLUMNS))
    changes = ", ".join(f"{name} = {spent.value[name]}" for name, _ in _OUTCOME_COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE payouts_attempt a SET {changes} FROM {spent.source}"  # noqa: S608 - our names
            " WHERE a.id = v.id",
            [*parameters, *spent.source_params],
        )


def _rows(
    attempts: Sequence[Attempt], columns: Sequence[tuple[str, str]]
) -> tuple[Spread, list[Any]]:
    rows = [a.__dict__ for a in attempts]
    spent = spread(
        [Column(name, kind, _plain([row[name] for row in rows])) for name, kind in columns],
        fixed=("id",),
    )
    return spent, [value for name, _ in columns for value in spent.params[name]]
