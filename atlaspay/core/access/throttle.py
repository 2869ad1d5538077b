"""Failed tries counted in PostgreSQL, so that neither a restart nor a flushed Redis forgives them.

A try is paid for before its secret is looked at and given back when it succeeds: tries at the same
moment cannot pass together. Reasons and figures: ADR 25.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from django.db import connection, transaction

from atlaspay.core import clock
from atlaspay.core.crypto import keyed_hash
from atlaspay.core.errors import AtlasError
from atlaspay.core.peer import network_of


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures, then none until `period` after the last; forgotten after the same quiet."""

    name: str
    failures: int
    period: timedelta


# PCI DSS 8.3.4: at most ten tries, then thirty minutes.
NAME_AND_ADDRESS = Limit("pair", 5, timedelta(minutes=30))
# An office behind one address mistypes more than one person.
ADDRESS = Limit("address", 50, timedelta(minutes=30))
# Whoever guesses codes has the password already, so these count a person from everywhere.
CODE = Limit("code", 5, timedelta(minutes=15))
CODES_OF_A_DAY = Limit("code_day", 20, timedelta(days=1))

_PRUNED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Charge:
    """What a try is counted under."""

    limit: Limit
    subject: bytes


class TooManyFailuresError(AtlasError):
    """The try was not made: `wait_s` seconds until the next is."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"too many failures, {wait_s} s to wait")
        self.wait_s = wait_s


def of_password(username: str, address: IPv4Address | IPv6Address | None) -> list[Charge]:
    """Return what a try of name and password counts under.

    By name only together with the address: a stranger must not be able to lock anybody out.
    """
    place = str(network_of(address)) if address else ""
    return [
        Charge(ADDRESS, keyed_hash(f"address|{place}")),
        Charge(NAME_AND_ADDRESS, keyed_hash(f"pair|{place}|{username}")),
    ]


def of_code(user_id: int) -> list[Charge]:
    """Return what a try of a code counts under."""
    subject = keyed_hash(f"code|{user_id}")
    return [Charge(CODE, subject), Charge(CODES_OF_A_DAY, subject)]


def take(charges: Sequence[Charge]) -> list[Limit]:
    """Count one try under each charge; return the limits it has used up.

    Raises TooManyFailuresError, and then counts nothing: hammering lengthens no wait. Callers give
    charges of the same kinds in the same order, so rows are locked in one order.
    """
    now = clock.now()
    used_up = []
    with transaction.atomic():
        for charge in charges:
            failures = _count(charge, now)
            if failures is None:
                raise TooManyFailuresError(_wait_s(charge, now))
            if failures >= charge.limit.failures:
                used_up.append(charge.limit)
        _prune(now)
    return used_up


def forget(charges: Sequence[Charge]) -> None:
    """Drop the failures under these charges."""
    with connection.cursor() as cursor:
        for charge in charges:
            cursor.execute(
                "DELETE FROM core_failurecount WHERE limit_name = %s AND subject = %s",
                [charge.limit.name, charge.subject],
            )


def give_back(charge: Charge) -> None:
    """Take back one try that succeeded, and no failure beside it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE core_failurecount SET failures = failures - 1"
            " WHERE limit_name = %s AND subject = %s AND failures > 0",
            [charge.limit.name, charge.subject],
        )


def _count(charge: Charge, now: datetime) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO core_failurecount AS kept (limit_name, subject, failures, forgotten_at)"
            " VALUES (%(name)s, %(subject)s, 1, %(until)s)"
            " ON CONFLICT (limit_name, subject) DO UPDATE SET forgotten_at = %(until)s,"
            " failures = CASE WHEN kept.forgotten_at <= %(now)s THEN 1 ELSE kept.failures + 1 END"
            " WHERE kept.failures < %(most)s OR kept.forgotten_at <= %(now)s"
            " RETURNING failures",
            {
                "name": charge.limit.name,
                "subject": charge.subject,
                "now": now,
                "until": now + charge.limit.period,
                "most": charge.limit.failures,
            },
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _wait_s(charge: Charge, now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT forgotten_at FROM core_failurecount WHERE limit_name = %s AND subject = %s",
            [charge.limit.name, charge.subject],
        )
        row = cursor.fetchone()
    return max(1, -int((now - row[0]).total_seconds() // 1)) if row else 1


def _prune(now: datetime) -> None:
    """Drop a few rows that count no longer: each try pays for the table it fills."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM core_failurecount WHERE id = ANY(ARRAY("
            "SELECT id FROM core_failurecount WHERE forgotten_at < %s ORDER BY forgotten_at"
            " LIMIT %s FOR UPDATE SKIP LOCKED))",
            [now, _PRUNED_AT_ONCE],
        )
