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


def union(
    columns: str, table: str, where: str, cut: list[Piece], *, weekly: bool = False
) -> tuple[str, dict[str, object]]:
    """Return SQL that reads these pieces of a table of sums, and its parameters.

    One index range a piece: left to an OR, the planner may read the whole scope. `weekly`: the
    column `slot_at` says the week of a row; the first one perhaps begins after its Monday.
    """
    statements: list[str] = []
    values: dict[str, object] = {}
    for number, piece in enumerate(cut):
        # All days before the first Monday are of one week, as are those from the last on.
        is_end = weekly and piece.grain == DAY
        slot = f"%(since_{number})s::timestamptz" if is_end else "start_at"
        statements.append(
            f"SELECT {slot} AS slot_at, {columns} FROM {table} WHERE {where}"  # noqa: S608 - ours
            f" AND grain = %(grain_{number})s"
            f" AND start_at >= %(since_{number})s AND start_at < %(until_{number})s"
        )
        values |= {
            f"grain_{number}": piece.grain,
            f"since_{number}": piece.since_at,
            f"until_{number}": piece.until_at,
        }
    return " UNION ALL ".join(statements), values
