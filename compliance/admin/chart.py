"""The day's flow as bars: an SVG drawn on the server, whose figures the table beside it repeats."""

from collections.abc import Sequence
from dataclasses import dataclass

from compliance.selectors.today import Hour

WIDTH, HEIGHT, BASE = 480, 130, 108
_GAP, _TOP = 8, 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; lengths in the drawing's own units."""

    x: int
    y: int
    width: int
    height: int
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars, the hours under them, and the figures again for who cannot see them."""

    bars: list[Bar]
    labels: list[tuple[int, str]]
    hours: Sequence[Hour]
    top: int

    width, height, base = WIDTH, HEIGHT, BASE


def bars(hours: Sequence[Hour]) -> Chart:
    """Lay out two bars an hour, opened and decided, to the scale of the largest."""
    top = max([1, *(max(hour.opened, hour.decided) for hour in hours)])
    slot = WIDTH // len(hours)
    width = (slot - _GAP) // 2
    made: list[Bar] = []
    labels = []
    for number, hour in enumerate(hours):
        left = number * slot + _GAP // 2
        for offset, count, kind in ((0, hour.opened, "opened"), (width, hour.decided, "decided")):
            height = count * (BASE - _TOP) // top
            if count:
                height = max(height, 2)
            made.append(Bar(left + offset, BASE - height, width - 1, height, kind))
        labels.append((left + width, f"{hour.at:%H}"))
    return Chart(made, labels, hours, top)
