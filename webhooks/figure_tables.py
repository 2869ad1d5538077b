"""The table of how deliveries went, day by day, from sums that are kept."""

from datetime import UTC, datetime, time, timedelta

from django.utils.html import format_html

from atlaspay.core import clock, console
from atlaspay.core.console import Table
from atlaspay.core.histogram import percentile_ms
from webhooks import rollup_figures

DAYS_SHOWN = 7


def days_table(scope: str, title: str = "The last seven days") -> Table:
    """Return how deliveries of a scope went, by the day of the event (UTC). Three queries.

    The scope is a partner or one endpoint.
    """
    today = datetime.combine(clock.now().date(), time(), UTC)
    since_at, until_at = today - timedelta(days=DAYS_SHOWN - 1), today + timedelta(days=1)
    days = rollup_figures.by_day(scope, since_at, until_at)
    rows = [
        [
            day.strftime("%d %b"),
            f"{sums.tried:,}",
            _share(sums.delivered, sums.tried),
            _share(sums.prompt, sums.tried),
            *(_seconds(percentile_ms(sums.times, part)) for part in (0.5, 0.95, 0.99)),
            f"{sums.exhausted:,}",
        ]
        for day, sums in days.items()
    ]
    headers = ["Day", "Events>", "Delivered>", "Within 30 s>", "Median>", "95 %>", "99 %>"]
    as_of = rollup_figures.as_of()
    note = (
        format_html("events tried at least once, as of {}; times within 10 %", console.when(as_of))
        if as_of
        else ""
    )
    return Table(title, [*headers, "Given up>"], rows, empty="No events yet.", note=note)


def _share(part: int, whole: int) -> object:
    return console.text_or_dash(f"{part / whole:.2%}" if whole else None)


def _seconds(duration_ms: int | None) -> object:
    return console.text_or_dash(None if duration_ms is None else f"{duration_ms / 1000:.2f} s")
