"""Charts as SVG drawn on the server: columns, lines and one bar cut in parts.

Lengths are in the drawing's own units. Beside each chart stands a table with the same figures.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.utils.safestring import SafeString, mark_safe

WIDTH, HEIGHT = 500, 190
LEFT, TOP, BASE = 58, 10, 164
_LABELS = 6
_STEPS = (1, 2, 5)
_ROUND_MS = (
    *(100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 120_000, 300_000),
    *(600_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000),
)


@dataclass(frozen=True, slots=True)
class Rect:
    """A filled rectangle; `words` is what the pointer is told."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    words: str = ""

    @property
    def place(self) -> SafeString:
        """The attributes as SVG writes them: a template's own formatting costs ten times as
        much.
        """
        return mark_safe(  # noqa: S308 - figures alone
            f'x="{self.x:.2f}" y="{self.y:.2f}" width="{self.width:.2f}" height="{self.height:.2f}"'
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, or a single dot."""

    points: Sequence[tuple[float, float]]
    kind: str

    @property
    def path(self) -> str:
        """The points as SVG writes them."""
        return " ".join(f"{x:.2f},{y:.2f}" for x, y in self.points)


@dataclass(slots=True)
class Chart:
    """What the template draws; `name` is what is read out instead of the drawing."""

    name: str
    legend: Sequence[tuple[str, str]]
    height: int = HEIGHT
    base: int = BASE
    rects: list[Rect] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    ticks: list[tuple[str, str]] = field(default_factory=list)
    labels: list[tuple[str, str]] = field(default_factory=list)

    width, left = WIDTH, LEFT


@dataclass(frozen=True, slots=True)
class Series:
    """One value a column, in a colour of its own."""

    kind: str
    words: str
    values: Sequence[int | None]


def columns(name: str, labels: Sequence[str], series: Sequence[Series]) -> Chart:
    """Return stacked columns: the first series lies at the bottom."""
    chart = Chart(name, [(one.kind, one.words) for one in series])
    totals = [sum(one.values[n] or 0 for one in series) for n in range(len(labels))]
    top = _round_up(max(totals, default=0))
    _frame(chart, labels, top, lambda value: f"{value:,}")
    slot = _slot(labels)
    width = max(slot - min(6.0, slot * 0.25), 0.75)
    for n, label in enumerate(labels):
        y = float(BASE)
        for one in series:
            value = one.values[n] or 0
            if not value:
                continue
            # What is there is seen, however small beside the rest.
            height = max(value * (BASE - TOP) / top, 1.0)
            y -= height
            words = f"{label}: {value:,} {one.words.lower()}"
            chart.rects.append(Rect(_x(n, slot) - width / 2, y, width, height, one.kind, words))
    return chart


def durations(
    name: str, labels: Sequence[str], series: Sequence[Series], words: Callable[[int], str]
) -> Chart:
    """Return lines over milliseconds; a column without a value interrupts its line."""
    chart = Chart(name, [(one.kind, one.words) for one in series])
    highest = max((value for one in series for value in one.values if value is not None), default=0)
    top = next((ms for ms in _ROUND_MS if ms >= highest), highest)
    _frame(chart, labels, top, words)
    slot = _slot(labels)
    for one in series:
        points: list[tuple[float, float]] = []
        for n, value in enumerate(one.values):
            if value is None:
                _end(chart, points, one.kind)
                points = []
            else:
                points.append((_x(n, slot), BASE - value * (BASE - TOP) / top))
        _end(chart, points, one.kind)
    return chart


def parts(name: str, series: Sequence[Series]) -> Chart:
    """Return one bar cut into the first value of each series."""
    chart = Chart(name, [(one.kind, one.words) for one in series], height=34, base=34)
    total = sum(one.values[0] or 0 for one in series)
    x = 0.0
    for one in series:
        width = (one.values[0] or 0) * WIDTH / total if total else 0
        if width:
            chart.rects.append(Rect(x, 4, max(width - 1, 0.75), 26, one.kind, one.words))
        x += width
    return chart


def _frame(chart: Chart, labels: Sequence[str], top: int, words: Callable[[int], str]) -> None:
    for value in (0, top // 2, top) if top > 1 else (0, top):
        y = BASE - value * (BASE - TOP) / max(top, 1)
        chart.ticks.append((f"{y:.1f}", words(value)))
    slot, every = _slot(labels), -(-len(labels) // _LABELS)
    for n, label in enumerate(labels):
        if n % every == 0:
            chart.labels.append((f"{_x(n, slot):.1f}", label))


def _slot(labels: Sequence[str]) -> float:
    return (WIDTH - LEFT) / max(len(labels), 1)


def _x(n: int, slot: float) -> float:
    return LEFT + slot * (n + 0.5)


def _end(chart: Chart, points: list[tuple[float, float]], kind: str) -> None:
    if points:
        chart.lines.append(Line(points, kind))


def _round_up(highest: int) -> int:
    """Return the next of 2, 10, 20, 50, 100 …: its half is whole."""
    size = 1
    while True:
        for step in _STEPS:
            if step * size >= highest and step * size % 2 == 0:
                return step * size
        size *= 10
