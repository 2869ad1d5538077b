"""The panels of a dashboard: charts, each with the table that says the same."""

from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html

from atlaspay.core import console
from atlaspay.core.console import Table
from atlaspay.core.histogram import ERROR_SHARE, percentile_ms
from atlaspay.core.money import display
from payouts.dashboard import charts, words
from payouts.dashboard.charts import Chart, Series
from payouts.dashboard.figures import Figures, Reason, Slot, share
from payouts.dashboard.period import Period
from webhooks.rollup_figures import Deliveries

REASONS_SHOWN = 8
_NOT_NARROWED = "all currencies, not {} alone"
WITHIN = f"to within {ERROR_SHARE * 100:.0f} %"


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with the table that says the same; either may be missing."""

    key: str
    table: Table
    chart: Chart | None = None
    note: str = ""
    folds: bool = False


def panels_of(made: Figures, told: Deliveries, period: Period) -> list[Panel]:
    """Return every panel in the order of the page."""
    return [
        _by_slot(made, period),
        _times(made, period),
        _volume(made),
        _split(made),
        _decomposition(made),
        _webhooks(told, period.currency),
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
        f"{WITHIN}; waiting for an execution time does not count",
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


def _webhooks(told: Deliveries, currency: str) -> Panel:
    whose = _NOT_NARROWED.format(currency) if currency else "all currencies"
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
        f"by the day of the event, tests apart; {whose}",
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
