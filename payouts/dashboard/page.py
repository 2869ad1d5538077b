"""The dashboard as a door shows it: tiles, panels, and what is late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.safestring import SafeString

from atlaspay.core import clock, console
from atlaspay.core.console import Call
from payouts.dashboard import lateness, words
from payouts.dashboard.figures import Figures, figures
from payouts.dashboard.panels import WITHIN, Panel, panels_of
from payouts.dashboard.period import PRESETS, Period, period_of
from payouts.machine import State
from webhooks import rollup_figures

CURRENCIES = ("EUR", "GBP", "USD")
REFRESH_S = 60


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure and what it is of."""

    figure: str
    words: str
    note: str = ""
    tone: str = ""


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
        panels=panels_of(made, told, period),
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
        Tile(words.duration(made.p95_ms), "95 % settle within", WITHIN),
        Tile(
            words.percent(made.prompt_share),
            "settled within five minutes",
            f"{made.prompt:,} of {made.timed:,}",
        ),
        Tile(f"{made.by_state[State.RETURNED]:,}", "returned in full", "apart from the rate"),
    ]
