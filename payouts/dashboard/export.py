"""The dashboard's sums as CSV: one line for each hour or day, currency, status and reason."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Mapping

from django.http import HttpResponse

from atlaspay.core.clock import rfc3339
from atlaspay.core.money import decimal_text
from payouts.dashboard import words
from payouts.dashboard.period import Period, period_of
from payouts.rails import failures
from payouts.rollups import read

HEADER = (
    "from_utc",
    "currency",
    "status",
    "reason",
    "payouts",
    "amount",
    "returned_amount",
    "settled_within_5_min",
    "average_settle_s",
)


def csv_of(scope: str, query: Mapping[str, str], *, is_public: bool) -> HttpResponse:
    """Return the file for what stands in an address; the text in it is our own, never a user's."""
    period = period_of(query)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(_rows(scope, period, is_public))
    name = f"atlaspay-figures-{period.since}-{period.until}.csv"
    return HttpResponse(
        out.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _rows(scope: str, period: Period, is_public: bool) -> list[tuple[object, ...]]:
    stretch = read.Stretch(period.since_at, period.until_at, period.grain, scope, period.currency)
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for row in read.sums(stretch):
        code = row.failure_code
        if code and is_public:
            code = failures.explain(code).code
        key = (rfc3339(row.start_at) or "", row.currency, words.STATUS_OF[row.state], code)
        for name in ("payouts", "amount_minor", "returned_minor", "prompt", "timed", "settle_ms"):
            found[key][name] += getattr(row, name)
    return [
        (
            *key,
            sums["payouts"],
            decimal_text(sums["amount_minor"], key[1]),
            decimal_text(sums["returned_minor"], key[1]),
            sums["prompt"],
            f"{sums['settle_ms'] / sums['timed'] / 1_000:.3f}" if sums["timed"] else "",
        )
        for key, sums in sorted(found.items())
    ]
