"""Reading a long stretch of days as few rows: weeks in its middle, days at both ends."""

from datetime import datetime, timedelta
from typing import NamedTuple

DAY, WEEK = "d", "w"
_ONE_DAY = timedelta(days=1)


class Piece(NamedTuple):
    """Rows of one grain that begin in `since_at <= start_at < until_at`."""

    grain: str
    since_at: datetime
    until_at: datetime


def pieces(since_at: datetime, until_at: datetime) -> list[Piece]:
    """Cut a stretch between two midnights (UTC) into days, weeks from Monday on, and days."""
    first = since_at + _ONE_DAY * (-since_at.weekday() % 7)
    last = until_at - _ONE_DAY * until_at.weekday()
    if first >= last:
        return [Piece(DAY, since_at, until_at)]
    made = [Piece(DAY, since_at, first), Piece(WEEK, first, last), Piece(DAY, last, until_at)]
    return [piece for piece in made if piece.since_at < piece.until_at]


def union(columns: str, table: str, where: str, cut: list[Piece]) -> tuple[str, dict[str, object]]:
    """Return SQL that reads these pieces of a table of sums, and its parameters.

    One index range a piece: left to an OR, the planner may read the whole scope.
    """
    statements: list[str] = []
    values: dict[str, object] = {}
    for number, piece in enumerate(cut):
        statements.append(
            f"SELECT {columns} FROM {table} WHERE {where} AND grain = %(grain_{number})s"  # noqa: S608
            f" AND start_at >= %(since_{number})s AND start_at < %(until_{number})s"
        )
        values |= {
            f"grain_{number}": piece.grain,
            f"since_{number}": piece.since_at,
            f"until_{number}": piece.until_at,
        }
    return " UNION ALL ".join(statements), values
