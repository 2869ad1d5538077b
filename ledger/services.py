"""The only way into the books: `post`. Set-based, so that two lines and five thousand cost one
statement.

Must never be called outside the caller's transaction: state and money commit together or not at
all.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction
from psycopg import errors as pg

from atlaspay.core import context
from ledger.chart import AccountSpec, spec_of
from ledger.errors import (
    InsufficientFundsError,
    LedgerError,
    UnbalancedJournalError,
    UnknownAccountError,
)

GUARD = "ledger_balance_not_negative"
_REFERENCE = re.compile(r"[\w.:/-]{1,64}", re.ASCII)

_POST = """
WITH named AS MATERIALIZED (
    SELECT n.place, a.id
      FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, place)
      JOIN ledger_account a ON a.name = n.name
), heads AS MATERIALIZED (
    SELECT j.place, j.kind, j.narration,
           nextval(pg_get_serial_sequence('ledger_journal', 'id')) AS id
      FROM unnest(%(kinds)s::text[], %(narrations)s::text[])
           WITH ORDINALITY AS j(kind, narration, place)
     WHERE (SELECT count(*) FROM named) = cardinality(%(names)s::text[])
), journals AS (
    INSERT INTO ledger_journal (id, kind, actor, request_id, narration)
    SELECT id, kind, %(actor)s, %(request_id)s, narration FROM heads
), postings AS (
    INSERT INTO ledger_posting (journal_id, account_id, amount_minor, currency, reference)
    SELECT heads.id, named.id, l.amount, (%(currencies)s::text[])[l.account], l.reference
      FROM unnest(%(journals)s::int[], %(accounts)s::int[],
                  %(amounts)s::bigint[], %(references)s::text[])
           AS l(journal, account, amount, reference)
      JOIN heads ON heads.place = l.journal
      JOIN named ON named.place = l.account
)
SELECT id FROM heads ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One posting to be: account name, minor units (debit above zero, credit below), currency,
    what it is for.
    """

    account: str
    amount_minor: int
    currency: str
    reference: str


@dataclass(frozen=True, slots=True)
class JournalDraft:
    """One journal to be."""

    kind: str
    lines: Sequence[Line]
    narration: str = ""


def post(kind: str, lines: Sequence[Line], *, narration: str = "") -> int:
    """Post one journal and return its id; see `post_all`."""
    return post_all([JournalDraft(kind, lines, narration)])[0]


def post_all(drafts: Sequence[JournalDraft]) -> list[int]:
    """Post several journals in one statement and return their ids in order.

    Accounts of the chart that do not exist yet are made. Locks the balance rows of guarded
    accounts, then the shards of the others, each in account order: a unit that posts several kinds
    gives them all in one call, so that two units never wait for each other crosswise. Raises
    InsufficientFundsError (the transaction is then broken: let it roll back),
    UnbalancedJournalError and UnknownAccountError (nothing was sent to the database).
    """
    _require_transaction()
    if not drafts:
        return []
    for draft in drafts:
        _check(draft)
    places: dict[tuple[str, str], int] = {}
    rows = [
        (number, places.setdefault((line.account, line.currency), len(places) + 1), line)
        for number, draft in enumerate(drafts, 1)
        for line in draft.lines
    ]
    bound = context.current()
    values: dict[str, str | list[str]] = {
        "names": [name for name, _ in places],
        "currencies": [currency for _, currency in places],
        "kinds": [draft.kind for draft in drafts],
        "narrations": [draft.narration for draft in drafts],
        "actor": bound.actor,
        "request_id": bound.request_id,
        # Array literals: a list parameter is adapted element by element, which costs more than the
        # insert.
        "journals": "{" + ",".join([str(number) for number, _, _ in rows]) + "}",
        "accounts": "{" + ",".join([str(place) for _, place, _ in rows]) + "}",
        "amounts": "{" + ",".join([str(line.amount_minor) for _, _, line in rows]) + "}",
        "references": '{"' + '","'.join([line.reference for _, _, line in rows]) + '"}',
    }
    ids = _send(values)
    if not ids:
        ensure_accounts(spec_of(name) for name, _ in places)
        ids = _send(values)
    if not ids:
        raise LedgerError("accounts could not be made; the database refused without saying so")
    return ids


def ensure_accounts(specs: Iterable[AccountSpec]) -> None:
    """Make the accounts that do not exist yet. Safe to repeat and to run at the same time."""
    wanted = sorted({spec.name: spec for spec in specs}.values(), key=lambda spec: spec.name)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_account (name, kind, normal_side, currency, is_guarded)"
            " SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bool[])"
            " AS s(name)"
            " WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.name = s.name)"
            " ORDER BY 1 ON CONFLICT (name) DO NOTHING",
            [
                [spec.name for spec in wanted],
                [spec.kind for spec in wanted],
                [spec.normal_side for spec in wanted],
                [spec.currency for spec in wanted],
                [spec.is_guarded for spec in wanted],
            ],
        )


def lock_accounts(names: Iterable[str]) -> dict[str, int]:
    """Lock guarded accounts in account order until the transaction ends; return their balances in
    minor units.

    Makes accounts that do not exist yet. For whoever decides by a balance before posting (partial
    acceptance).
    """
    _require_transaction()
    wanted = sorted(set(names))
    if open_names := [name for name in wanted if not spec_of(name).is_guarded]:
        raise LedgerError(f"{open_names[0]} is not guarded; its shards cannot be locked as one")
    found = _lock(wanted)
    if len(found) < len(wanted):
        ensure_accounts(spec_of(name) for name in wanted)
        found = _lock(wanted)
    return found


def _lock(names: list[str]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.name, b.balance_minor FROM ledger_balance b"
            " JOIN ledger_account a ON a.id = b.account_id"
            " WHERE a.name = ANY(%s) AND b.shard = 0 AND a.is_guarded"
            " ORDER BY a.id FOR UPDATE OF b",
            [names],
        )
        return dict(cursor.fetchall())


def _send(values: Mapping[str, str | list[str]]) -> list[int]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(_POST, values)
            return [row[0] for row in cursor.fetchall()]
    except IntegrityError as error:
        raise _translated(error) from error


def _translated(error: IntegrityError) -> Exception:
    cause = error.__cause__
    if not isinstance(cause, pg.CheckViolation) or cause.diag.constraint_name != GUARD:
        return error
    facts = json.loads(cause.diag.message_detail or "{}")
    return InsufficientFundsError(
        facts["account"],
        currency=facts["currency"],
        available_minor=facts["available_minor"],
        shortfall_minor=facts["shortfall_minor"],
    )


def _check(draft: JournalDraft) -> None:
    sums: defaultdict[tuple[str, str], int] = defaultdict(int)
    for line in draft.lines:
        sums[line.reference, line.currency] += line.amount_minor
        if line.amount_minor == 0:
            raise UnbalancedJournalError(f"{draft.kind}: a line of {line.account} over zero")
    for (reference, currency), total in sums.items():
        if total:
            raise UnbalancedJournalError(
                f"{draft.kind}: {reference} is off by {total} minor units of {currency}"
            )
        if not _REFERENCE.fullmatch(reference):
            raise LedgerError(f"{draft.kind}: {reference!r} cannot be a reference")
    if not sums:
        raise UnbalancedJournalError(f"{draft.kind}: a journal without lines")


def _require_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise LedgerError("the ledger is written inside the caller's transaction only")


__all__ = [
    "InsufficientFundsError",
    "JournalDraft",
    "LedgerError",
    "Line",
    "UnbalancedJournalError",
    "UnknownAccountError",
    "ensure_accounts",
    "lock_accounts",
    "post",
    "post_all",
]
