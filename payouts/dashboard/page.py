"""The dashboard as a door shows it: tiles, charts each with its table, and what is late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from atlaspay.core import clock, console
from atlaspay.core.console import Call, Table
from atlaspay.core.histogram import ERROR_SHARE, percentile_ms
from atlaspay.core.money import display
from payouts.dashboard import charts, lateness, words
from payouts.dashboard.charts import Chart, Series
from payouts.dashboard.figures import Figures, Reason, Slot, figures, share
from payouts.dashboard.period import PRESETS, Period, period_of
from payouts.machine import State
from webhooks import rollup_figures
from webhooks.rollup_figures import Deliveries

REASONS_SHOWN = 8
CURRENCIES = ("EUR", "GBP", "USD")
REFRESH_S = 60
_ERROR = f"to within {ERROR_SHARE * 100:.0f} %"


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure and what it is of."""

    figure: str
    words: str
    note: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with the table that says the same; either may be missing."""

    key: str
    table: Table
    chart: Chart | None = None
    note: str = ""
    folds: bool = False


@dataclass(slots=True)
class Page:
    """All of it. `found` is False where the period has no payouts at all."""

    period: Period
    as_of: datetime | None
    calls: list[Call]
    found: bool
    tiles: list[Tile] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)
    currencies: Sequence[str] = ()
    presets: Sequence[tuple[str, str, bool]] = ()
    refresh_s: int = REFRESH_S

    @property
    def shown(self) -> list[Panel]:
        """The panels worth showing: of an empty period only those that may have something."""
        return self.panels if self.found else [p for p in self.panels if p.key == "webhooks"]

    @property
    def empty_words(self) -> str:
        """Why there is nothing to see."""
        if self.period.since_at > clock.now():
            return "These days are still to come."
        in_currency = f" in {self.period.currency}" if self.period.currency else ""
        return f"No payouts{in_currency} were submitted in these days."

    @property
    def as_of_words(self) -> SafeString:
        """The instant up to which all is counted."""
        return console.when(self.as_of)


def page(scope: str, query: Mapping[str, str], *, is_public: bool, keep: str = "") -> Page:
    """Return the dashboard of a scope for what stands in an address. Seven queries.

    `is_public`: told in a partner's words. `keep`: what else the links to presets must carry.
    """
    period = period_of(query)
    counted = lateness.as_of()
    made = figures(scope, period, is_public=is_public)
    told = rollup_figures.deliveries(scope, period.since_at, period.until_at)
    calls = [Call(sentence, "warn") for sentence in lateness.late_parts(counted, scope)]
    return Page(
        period=period,
        as_of=counted,
        calls=calls,
        found=bool(made.total),
        tiles=_tiles(made),
        panels=_panels(made, told, period),
        currencies=sorted({*CURRENCIES, *made.volumes, period.currency} - {""}),
        presets=[
            (_preset(name, period, keep), text, name == period.preset)
            for name, (text, _) in PRESETS.items()
        ],
    )


def _preset(name: str, period: Period, keep: str) -> str:
    currency = f"&currency={period.currency}" if period.currency else ""
    return f"?period={name}{currency}{keep}"


def _tiles(made: Figures) -> list[Tile]:
    settled, failed = made.by_state[State.SETTLED], made.by_state[State.FAILED]
    return [
        Tile(f"{made.total:,}", "payouts", f"{made.under_way:,} under way"),
        Tile(
            words.percent(made.success_share),
            "success rate",
            f"{settled:,} settled, {failed:,} failed",
        ),
        Tile(
            words.duration(made.mean_ms),
            "average time to settle",
            f"half within {words.duration(made.p50_ms)}",
        ),
        Tile(words.duration(made.p95_ms), "95 % settle within", _ERROR),
        Tile(
            words.percent(made.prompt_share),
            "settled within five minutes",
            f"{made.prompt:,} of {made.timed:,}",
        ),
        Tile(f"{made.by_state[State.RETURNED]:,}", "returned in full", "apart from the rate"),
    ]


def _panels(made: Figures, told: Deliveries, period: Period) -> list[Panel]:
    return [
        _by_slot(made, period),
        _times(made, period),
        _volume(made),
        _split(made),
        _decomposition(made),
        _webhooks(told),
        _failures(made.failed, "Why payouts failed", "failed", "No payout failed."),
        _failures(made.returned, "Why payouts came back", "returned", "Nothing came back in full."),
    ]


def _volume(made: Figures) -> Panel:
    rows = [
        [
            currency,
            _amount(volume.submitted_minor, currency),
            _amount(volume.settled_minor, currency),
            _amount(volume.returned_minor, currency),
        ]
        for currency, volume in sorted(made.volumes.items())
    ]
    headers = ["Currency", "Submitted>", "Settled and kept>", "Came back>"]
    return Panel(
        "volume",
        Table("Volume", headers, rows, "No payouts in these days.", "each currency by itself"),
    )


def _by_slot(made: Figures, period: Period) -> Panel:
    labels = [_label(slot, period) for slot in made.slots]
    chart = charts.columns(
        f"Payouts by the {period.slot_words} they were submitted in: settled, failed and others.",
        labels,
        [
            Series("settled", "Settled", [slot.settled for slot in made.slots]),
            Series("failed", "Failed", [slot.failed for slot in made.slots]),
            Series("open", "Under way, canceled or returned", [s.other for s in made.slots]),
        ],
    )
    rows = [
        [
            _label(slot, period),
            f"{slot.total:,}",
            f"{slot.settled:,}",
            f"{slot.failed:,}",
            f"{slot.other:,}",
        ]
        for slot in made.slots
        if slot.total
    ]
    headers = [period.slot_words.capitalize(), "Payouts>", "Settled>", "Failed>", "Others>"]
    table = Table(
        f"Payouts by {period.slot_words}",
        headers,
        rows,
        "No payouts in these days.",
        "UTC, by submission",
    )
    return Panel("payouts", table, chart, folds=True)


def _split(made: Figures) -> Panel:
    counts = [
        (name, status, sum(made.by_state[state] for state in states))
        for status, name, states in words.STATUSES
    ]
    chart = charts.parts(
        "Payouts by their status now.",
        [Series(kind, name, [count]) for name, kind, count in counts],
    )
    rows = [
        [_swatch(kind, name), f"{count:,}", words.percent(share(count, made.total))]
        for name, kind, count in counts
    ]
    return Panel("split", Table("Status now", ["Status", "Payouts>", "Share>"], rows), chart)


def _times(made: Figures, period: Period) -> Panel:
    labels = [_label(slot, period) for slot in made.slots]
    chart = charts.durations(
        f"Time from submission to settlement by {period.slot_words}: half and 95 % of payouts.",
        labels,
        [
            Series("p50", "Half within", [slot.p50_ms for slot in made.slots]),
            Series("p95", "95 % within", [slot.p95_ms for slot in made.slots]),
        ],
        words.duration,
    )
    rows = [
        [_label(slot, period), words.duration(slot.p50_ms), words.duration(slot.p95_ms)]
        for slot in made.slots
        if slot.p50_ms is not None
    ]
    headers = [period.slot_words.capitalize(), "Half within>", "95 % within>"]
    table = Table(
        "Time to settle",
        headers,
        rows,
        "Nothing settled in these days.",
        f"{_ERROR}; waiting for an execution time does not count",
    )
    return Panel("times", table, chart, folds=True)


def _decomposition(made: Figures) -> Panel:
    means = {part: made.part_mean_ms(part) for part in words.PARTS}
    chart = charts.parts(
        "Average time of a settled payout, by where it was spent.",
        [Series(part, words.PARTS[part][0], [ms]) for part, ms in means.items()],
    )
    total = sum(means.values())
    rows = (
        [
            [
                _swatch(part, words.PARTS[part][0]),
                words.PARTS[part][1],
                words.duration(ms),
                words.percent(share(ms, total)),
            ]
            for part, ms in means.items()
        ]
        if made.timed
        else []
    )
    table = Table(
        "Where the time goes",
        ["Part", "What it is", "Average>", "Share>"],
        rows,
        "Nothing settled in these days.",
        f"averages of {made.timed:,} settled payouts, {made.reviewed:,} of them reviewed",
    )
    return Panel("parts", table, chart if made.timed else None)


def _failures(found: list[Reason], title: str, key: str, empty: str) -> Panel:
    total = sum(reason.payouts for reason in found)
    rows = [
        [
            reason.words,
            console.code(reason.code),
            f"{reason.payouts:,}",
            words.percent(share(reason.payouts, total)),
        ]
        for reason in found[:REASONS_SHOWN]
    ]
    rest = found[REASONS_SHOWN:]
    if rest:
        others = sum(reason.payouts for reason in rest)
        rows.append(
            [
                f"{len(rest)} other {'reason' if len(rest) == 1 else 'reasons'}",
                "",
                f"{others:,}",
                words.percent(share(others, total)),
            ]
        )
    return Panel(key, Table(title, ["Reason", "Code", "Payouts>", "Share>"], rows, empty))


def _webhooks(told: Deliveries) -> Panel:
    rows = (
        [
            [
                "Delivered at the first attempt",
                words.percent(share(told.first_delivered, told.tried)),
                f"{told.first_delivered:,} of {told.tried:,}",
            ],
            [
                "Delivered",
                words.percent(share(told.delivered, told.tried)),
                f"{told.delivered:,} of {told.tried:,}",
            ],
            [
                "Delivered within 30 seconds",
                words.percent(share(told.prompt, told.tried)),
                f"{told.prompt:,} of {told.tried:,}",
            ],
            *(
                [
                    f"{text} of those delivered within",
                    words.duration(percentile_ms(told.times, part)),
                    "",
                ]
                for text, part in (("Half", 0.5), ("95 %", 0.95), ("99 %", 0.99))
            ),
        ]
        if told.tried
        else []
    )
    table = Table(
        "Webhooks",
        ["Figure", "Value>", "Deliveries>"],
        rows,
        "Nothing was sent in these days.",
        "by the day of the event, tests apart; all currencies",
    )
    return Panel("webhooks", table)


def _label(slot: Slot, period: Period) -> str:
    if period.slot_words == "hour":
        return f"{slot.at:%d %b %H:00}" if period.days > 1 else f"{slot.at:%H:00}"
    return f"{slot.at:%d %b %Y}" if period.since.year != period.until.year else f"{slot.at:%d %b}"


def _swatch(kind: str, text: str) -> Any:
    return format_html('<span class="fg-swatch fg-{}"></span> {}', kind, text)


def _amount(amount_minor: int, currency: str) -> str:
    """Return the figures alone: the row says the currency."""
    return display(amount_minor, currency).removesuffix(f" {currency}")
