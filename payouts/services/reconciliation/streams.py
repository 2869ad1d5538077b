"""Reading a bank's streams into our evidence, a page a transaction, each line once.

A line that cannot be kept as it is stops its stream: money must not be skipped over.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from atlaspay.core.money import EXPONENTS
from atlaspay.core.sets import Column, array, spread
from payouts.models import BankStream
from payouts.rails.base import Entry, Rail, RailReadError
from payouts.services.reconciliation.lock import step

Progress = Callable[[str, int], None]
Page = tuple[list[Entry], str]

_ENTRY_FACTS = (
    ("account_id", "text"),
    ("reference", "text"),
    ("kind", "text"),
    ("amount_minor", "bigint"),
    ("currency", "text"),
    ("end_to_end_id", "text"),
    ("bank_reference", "text"),
    ("booked_at", "timestamptz"),
)
_NOTICE_FACTS = tuple(
    fact for fact in _ENTRY_FACTS if fact[0] not in ("kind", "bank_reference", "booked_at")
)
_LENGTHS = {
    "account_id": 64,
    "reference": 120,
    "kind": 32,
    "end_to_end_id": 64,
    "bank_reference": 64,
}
_BIGINT = 2**63


def pull_entries(rail: Rail, *, is_full: bool, progress: Progress) -> int:
    """Store what the bank booked since the last reading; return how many entries were new.

    `is_full` reads from the first entry again and notes where the bank now says something else.
    Raises RailReadError; what was read before it is kept.
    """
    return _pull(
        rail, BankStream.Kind.ENTRIES, rail.list_entries, _store_entries, is_full, progress
    )


def pull_notices(rail: Rail, *, is_full: bool, progress: Progress) -> int:
    """Store what the bank notified since the last reading; return how many notices were new."""
    return _pull(
        rail, BankStream.Kind.NOTICES, rail.list_notices, _store_notices, is_full, progress
    )


def _pull(
    rail: Rail,
    kind: BankStream.Kind,
    read: Callable[[str], Page],
    store: Callable[[str, Sequence[Entry]], int],
    is_full: bool,
    progress: Progress,
) -> int:
    stream, _ = BankStream.objects.get_or_create(provider=rail.provider, rail=rail.name, kind=kind)
    cursor, added = "" if is_full else stream.cursor, 0
    seen = {cursor}
    while True:
        found, following = read(cursor)
        check(found)
        is_end = not found or following == cursor
        with step(rail.provider):
            new = store(rail.provider, found) if found else 0
            own = BankStream.objects.filter(pk=stream.pk)
            own.update(cursor=following, **({"read_at": Now()} if is_end else {}))
        added += new
        progress(f"{rail.name} {kind}", len(found))
        if is_end:
            return added
        if following in seen:
            raise RailReadError("the pages run in a circle")
        seen.add(following)
        cursor = following


def check(entries: Iterable[Entry]) -> None:
    """Refuse lines that could not be stored exactly as they came. Raises RailReadError."""
    for entry in entries:
        texts = {name: getattr(entry, name) for name in _LENGTHS}
        fits = (
            all(
                len(text) <= _LENGTHS[name] and (text.isprintable() or not text)
                for name, text in texts.items()
            )
            and entry.account_id
            and entry.reference
            and entry.currency in EXPONENTS
            and abs(entry.amount_minor) < _BIGINT
            and entry.booked_at.tzinfo is not None
        )
        if not fits:
            raise RailReadError(f"entry {entry.reference[:60]!r} cannot be kept as it is")


def _store_entries(provider: str, entries: Sequence[Entry]) -> int:
    rows = rows_of(entries, _ENTRY_FACTS)
    added = _insert(
        "payouts_bankentry",
        provider,
        rows,
        {
            "funding_reference": "",
            "status": "unmatched",
            "cause": "",
            "bank_changed": "",
            "is_open": True,
        },
    )
    source = spread(rows, fixed=("reference",))
    value = source.value
    facts = ("amount_minor", "currency", "end_to_end_id", "bank_reference", "booked_at")
    said = ", ".join(value[name] for name in facts)
    kept = ", ".join(f"e.{name}" for name in facts)
    words = (
        f"concat_ws(' ', {value['amount_minor']}, {value['currency']}, {value['end_to_end_id']})"
    )
    expression = f"CASE WHEN ({said}) IS DISTINCT FROM ({kept}) THEN {words} ELSE '' END"

    def params(*names: str) -> list[Any]:
        return [each for name in names for each in source.params[name]]

    changed = [*params(*facts), *params("amount_minor", "currency", "end_to_end_id")]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE payouts_bankentry e SET bank_changed = {expression}, is_open = true"  # noqa: S608 - our names
            f" FROM {source.source} WHERE e.provider = %s AND e.account_id = {value['account_id']}"
            f" AND e.reference = {value['reference']} AND e.bank_changed <> {expression}",
            [
                *changed,
                *source.source_params,
                provider,
                *params("account_id", "reference"),
                *changed,
            ],
        )
    return added


def _store_notices(provider: str, notices: Sequence[Entry]) -> int:
    return _insert(
        "payouts_banknotice", provider, rows_of(notices, _NOTICE_FACTS), {"is_open": True}
    )


def rows_of(entries: Sequence[Entry], facts: Sequence[tuple[str, str]]) -> list[Column]:
    """Return entries as columns of SQL."""
    return [Column(name, kind, [getattr(entry, name) for entry in entries]) for name, kind in facts]


def _insert(table: str, provider: str, rows: Sequence[Column], more: dict[str, str | bool]) -> int:
    names = ", ".join(["provider", *(column.name for column in rows), *more])
    arrays = ", ".join(f"%s::{column.kind}[]" for column in rows)
    constants = "".join(", %s" for _ in more)
    listed = ", ".join(f"v.{column.name}" for column in rows)
    aliases = ", ".join(column.name for column in rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT %s, {listed}{constants}"  # noqa: S608 - our names
            f" FROM unnest({arrays}) AS v({aliases})"
            " ON CONFLICT (provider, account_id, reference) DO NOTHING",
            [provider, *more.values(), *(array(column.values) for column in rows)],
        )
        return int(cursor.rowcount)
