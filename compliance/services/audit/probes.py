"""Running queries that find rows which should not be: what the lists of probes are written in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection

from compliance.services.audit.report import ROWS_MAX, Check


@dataclass(frozen=True, slots=True)
class Probe:
    """SQL that finds broken rows, first the first one. The first column is the public id of what
    breaks; `words` is formatted with all columns.

    Swept probes look at ids above `%(low)s` up to `%(high)s`.
    """

    check: str
    sql: str
    words: str


def run(probes: Iterable[Probe], checks: dict[str, Check], **values: Any) -> None:
    """Run probes and put what they find into the checks of their names."""
    for probe in probes:
        check = checks.setdefault(probe.check, Check(probe.check))
        for row in rows(f"{probe.sql} LIMIT {ROWS_MAX}", values):
            check.add(str(row[0]), probe.words.format(*row))


def rows(sql: str, values: Any = None) -> list[tuple[Any, ...]]:
    """Return all rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
