"""A bank's statement of a day: does it add up by itself, from day to day, and with the entries we
hold?
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import connection
from django.db.models.functions import Now

from atlaspay.core import clock
from atlaspay.core.errors import InvalidRequestError
from atlaspay.core.sets import array
from payouts.models import BankEntry, BankStatement
from payouts.rails.base import Entry, Rail, Statement
from payouts.services.reconciliation.lock import step
from payouts.services.reconciliation.streams import check

KEPT_PROBLEMS = 1000
Problem = dict[str, Any]

_LISTED = """
UPDATE payouts_bankentry e SET statement_on = %s
  FROM unnest(%s::text[]) AS v(reference)
 WHERE e.provider = %s AND e.account_id = %s AND e.reference = v.reference
   AND e.statement_on IS DISTINCT FROM %s
"""
# Read again, a statement may list less than before.
_NO_LONGER_LISTED = """
UPDATE payouts_bankentry e SET statement_on = NULL
 WHERE e.provider = %s AND e.account_id = %s AND e.statement_on = %s
   AND e.reference <> ALL(%s::text[])
"""


def check_date(on: date) -> None:
    """Refuse a day that has not ended: its statement is not closed. Raises InvalidRequestError."""
    today = clock.now().date()
    if on >= today:
        raise InvalidRequestError(f"{on} has not ended; the last statement is of the day before.")


def read_statement(rail: Rail, on: date) -> BankStatement:
    """Read, compare and keep the statement of a day; reading it again replaces what was kept.

    All entries must have been read first. Raises RailReadError.
    """
    found = rail.read_statement(on)
    check(found.entries)
    with step(rail.provider):
        with connection.cursor() as cursor:
            references = array([entry.reference for entry in found.entries])
            cursor.execute(_LISTED, [on, references, rail.provider, found.account_id, on])
            cursor.execute(_NO_LONGER_LISTED, [rail.provider, found.account_id, on, references])
        statement, _ = BankStatement.objects.update_or_create(
            provider=rail.provider,
            account_id=found.account_id,
            on=on,
            defaults={
                "rail": rail.name,
                "currency": found.currency,
                "begins_at": found.begins_at,
                "ends_at": found.ends_at,
                "opening_minor": found.opening_minor,
                "closing_minor": found.closing_minor,
                "entry_count": len(found.entries),
                "entries_minor": sum(entry.amount_minor for entry in found.entries),
                "problems": _problems(rail.provider, found)[:KEPT_PROBLEMS],
                "read_at": Now(),
            },
        )
    return statement


def _problems(provider: str, found: Statement) -> list[Problem]:
    name = f"{found.account_id}:{found.on}"
    total_minor = found.opening_minor + sum(entry.amount_minor for entry in found.entries)
    problems = []
    if total_minor != found.closing_minor:
        detail = "opening balance and entries do not make the closing balance"
        problems.append(_problem(f"closing:{name}", total_minor, found.closing_minor, detail))
    before = (
        BankStatement.objects.filter(
            provider=provider, account_id=found.account_id, ends_at=found.begins_at
        )
        .order_by("-on")
        .first()
    )
    if before is not None and before.closing_minor != found.opening_minor:
        detail = f"opening balance is not the closing balance of {before.on}"
        problems.append(
            _problem(f"opening:{name}", before.closing_minor, found.opening_minor, detail)
        )
    return problems + _lines(provider, found.account_id, found.entries)


def _lines(provider: str, account_id: str, entries: Sequence[Entry]) -> list[Problem]:
    """Compare each line with the entry we hold of the same reference."""
    held = dict(
        BankEntry.objects.filter(
            provider=provider, account_id=account_id, reference__in=[e.reference for e in entries]
        ).values_list("reference", "amount_minor")
    )
    problems = []
    listed: set[str] = set()
    for entry in entries:
        held_minor = held.get(entry.reference)
        subject = f"line:{entry.reference}"
        if entry.reference in listed:
            detail = "the statement lists this entry twice"
            problems.append(_problem(f"{subject}:again", 0, entry.amount_minor, detail))
        elif held_minor is None:
            detail = "on the statement, but not among the entries"
            problems.append(_problem(subject, 0, entry.amount_minor, detail))
        elif held_minor != entry.amount_minor:
            detail = "the statement has another amount than the entry"
            problems.append(_problem(subject, held_minor, entry.amount_minor, detail))
        listed.add(entry.reference)
    return problems


def _problem(subject: str, expected_minor: int, actual_minor: int, detail: str) -> Problem:
    return {
        "subject": subject,
        "expected_minor": expected_minor,
        "actual_minor": actual_minor,
        "detail": detail,
    }
