"""Reading the sums: one scope, a stretch of hours or days, by what the reader asks for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from atlaspay.core import weeks
from payouts.rollups.tables import ALL_PARTNERS, Grain, PayoutRollupMark

_WHERE = """
generation = (SELECT generation FROM payouts_payoutrollupmark WHERE is_live)
AND scope = %(scope)s AND (%(currency)s = '' OR currency = %(currency)s)
"""
_SUMS = (
    "payouts",
    "amount_minor",
    "returned_minor",
    "timed",
    "prompt",
    "reviewed",
    "settle_ms",
    "screening_ms",
    "review_ms",
    "queue_ms",
    "bank_ms",
)
_ROWS = f"""
SELECT slot_at, currency, state, failure_code, {", ".join(f"sum({n})::bigint" for n in _SUMS)}
FROM ({{rows}}) r GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""  # noqa: S608 - names of this file
# A sum of integers is a bigint and quick; one of bigints is a numeric.
_TIMES = """
SELECT slot_at, bucket, sum(payouts::int) FROM ({rows}) r GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is asked for. `scope`: a partner's id, or ALL_PARTNERS; `currency` empty: each;
    `weekly`: seven days a row, from Mondays on, which are read as such.
    """

    since_at: datetime
    until_at: datetime
    grain: Grain = Grain.DAY
    scope: str = ALL_PARTNERS
    currency: str = ""
    weekly: bool = False

    def rows(self, columns: str, table: str) -> tuple[str, dict[str, Any]]:
        """Return SQL of the rows of a table, and the parameters of the whole statement."""
        whole = weeks.Piece(self.grain.value, self.since_at, self.until_at)
        cut = weeks.pieces(self.since_at, self.until_at) if self.weekly else [whole]
        rows, values = weeks.union(columns, table, _WHERE, cut, weekly=self.weekly)
        return rows, {**values, "scope": self.scope, "currency": self.currency}


class Sum(NamedTuple):
    """A row of `PayoutRollup`, all rails together."""

    start_at: datetime
    currency: str
    state: str
    failure_code: str
    payouts: int
    amount_minor: int
    returned_minor: int
    timed: int
    prompt: int
    reviewed: int
    settle_ms: int
    screening_ms: int
    review_ms: int
    queue_ms: int
    bank_ms: int


class Time(NamedTuple):
    """How many payouts of an hour or day took as long as this bucket says."""

    start_at: datetime
    bucket: int
    payouts: int


def sums(stretch: Stretch) -> list[Sum]:
    """Return the sums of a stretch, oldest first."""
    columns = f"currency, state, failure_code, {', '.join(_SUMS)}"
    rows, values = stretch.rows(columns, "payouts_payoutrollup")
    with connection.cursor() as cursor:
        cursor.execute(_ROWS.format(rows=rows), values)
        return [Sum(*row) for row in cursor.fetchall()]


def times(stretch: Stretch) -> list[Time]:
    """Return how long settled payouts took, by bucket of `atlaspay.core.histogram`."""
    rows, values = stretch.rows("bucket, payouts", "payouts_payouttime")
    with connection.cursor() as cursor:
        cursor.execute(_TIMES.format(rows=rows), values)
        return [Time(*row) for row in cursor.fetchall()]


def as_of() -> datetime | None:
    """Return the instant up to which all is counted; None before the first count."""
    marks = PayoutRollupMark.objects.filter(is_live=True)
    found: datetime | None = marks.values_list("as_of", flat=True).first()
    return found
