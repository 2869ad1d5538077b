"""Tables of how deliveries went, day by day."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.console import Table
from atlaspay.core.histogram import percentile_ms
from webhooks.figures import DayFigures
from webhooks.rollup_figures import Deliveries


def days_table(days: Sequence[DayFigures]) -> Table:
    """Return how deliveries went by day."""
    rows = [
        [
            day.on_day.strftime("%d %b"),
            day.events,
            _share(day.delivered_share),
            _share(day.prompt_share),
            _seconds(day.latency_p50_s),
            _seconds(day.latency_p99_s),
            day.pending,
            day.exhausted,
        ]
        for day in days
    ]
    headers = ["Day", "Events>", "Delivered>", "Within 30 s>", "Median>", "p99>", "Waiting>"]
    return Table("The last seven days", [*headers, "Given up>"], rows, empty="No events yet.")


def sums_table(days: Mapping[date, Deliveries], as_of: datetime | None) -> Table:
    """Return how deliveries to all endpoints went by day, from sums."""
    rows = [
        [
            day.strftime("%d %b"),
            f"{sums.tried:,}",
            _share(sums.delivered / sums.tried if sums.tried else None),
            _share(sums.prompt / sums.tried if sums.tried else None),
            _milliseconds(percentile_ms(sums.times, 0.5)),
            _milliseconds(percentile_ms(sums.times, 0.99)),
        ]
        for day, sums in days.items()
    ]
    headers = ["Day", "Events>", "Delivered>", "Within 30 s>", "Median>", "p99>"]
    note = format_html("as of {}; times within 10 %", console.when(as_of)) if as_of else ""
    title = "The last seven days, all endpoints"
    return Table(title, headers, rows, empty="No events yet.", note=note)


def _milliseconds(duration_ms: int | None) -> object:
    return _seconds(None if duration_ms is None else duration_ms / 1000)


def _share(share: float | None) -> object:
    return console.text_or_dash(None if share is None else f"{share:.2%}")


def _seconds(seconds: float | None) -> object:
    return console.text_or_dash(None if seconds is None else f"{seconds:.2f} s")
