"""The live table of a run: what has become of each batch, and what the webhook receiver counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from atlaspay.core.money import display

STATUSES = ("queued", "in_review", "processing", "settled", "failed", "canceled", "returned")
ALWAYS = frozenset({"queued", "processing", "settled", "failed"})
STYLES = {"settled": "green", "failed": "red", "in_review": "yellow", "returned": "magenta"}


def render(
    batches: Sequence[Mapping[str, Any]], stats: Mapping[str, Any], *, elapsed_s: float
) -> Table:
    """Return the table for batches as the API shows them and the receiver's counters."""
    table = Table(title=f"AtlasPay - {elapsed_s:.0f} s", caption=webhook_line(stats))
    table.add_column("batch", no_wrap=True, overflow="ellipsis")
    table.add_column("status")
    statuses = [status for status in STATUSES if status in ALWAYS or _count(batches, status)]
    for status in statuses:
        table.add_column(status.replace("_", " "), justify="right", style=STYLES.get(status, ""))
    table.add_column("settled sum", justify="right")
    for batch in batches:
        totals = batch["totals"]
        settled = totals.get("settled", {}).get("amount_minor", 0)
        table.add_row(
            batch["reference"],
            batch["status"].replace("_", " "),
            *(str(totals.get(status, {}).get("count", 0) or "-") for status in statuses),
            display(settled, batch["currency"]),
        )
    return table


def plain_line(batches: Sequence[Mapping[str, Any]], stats: Mapping[str, Any]) -> str:
    """Return the same in one line, for where there is no terminal."""
    sums = {status: _count(batches, status) for status in STATUSES}
    shown = ", ".join(f"{count} {status}" for status, count in sums.items() if count)
    return f"{shown or 'nothing yet'}; {webhook_line(stats)}"


def webhook_line(stats: Mapping[str, Any]) -> str:
    """Return the receiver's counters in words."""
    wrong = stats.get("invalid", 0)
    shown = f"webhooks: {stats.get('valid', 0)} verified"
    return f"{shown}, {wrong} with a wrong signature" if wrong else shown


def _count(batches: Sequence[Mapping[str, Any]], status: str) -> int:
    """Return how many payouts of all batches have a status."""
    return sum(int(batch["totals"].get(status, {}).get("count", 0)) for batch in batches)
