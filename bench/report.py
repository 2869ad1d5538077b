"""The report: a table for people on stderr, one JSON object as the last line on stdout."""

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table

_SKIPPED = {"runs", "peak_rss_each_mb"}


def say(line: str) -> None:
    """Tell the person who waits what is done."""
    sys.stderr.write(f"  {datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stderr.flush()


def machine() -> dict[str, Any]:
    """Return what the figures were measured on, and whether others were busy there."""
    load = os.getloadavg()
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_1_min_before": round(load[0], 2),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def show(report: Mapping[str, Any]) -> None:
    """Print the figures as a table on stderr."""
    table = Table(title="AtlasPay benchmarks", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for part, values in report.items():
        if part == "machine" or not isinstance(values, Mapping):
            continue
        table.add_section()
        for name, value in _flat(values):
            table.add_row(f"{part}.{name}", "-" if value is None else str(value))
    Console(file=sys.stderr, width=110).print(table)


def finish(report: Mapping[str, Any]) -> None:
    """Print the JSON object as the last line."""
    sys.stdout.write(json.dumps(report, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if name in _SKIPPED or (name == "why_null" and value is None):
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
