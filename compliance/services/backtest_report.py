"""A backtest's figures as a command or script reads them: one JSON object, or a table."""

from typing import Any

from atlaspay.core import clock
from compliance.models import Backtest
from compliance.services.backtest_tally import (
    DEFAULT_HANDLING_S,
    OUTCOMES,
    Figures,
    Tally,
    figures,
    precision,
)

_WIDTH = 30


def tally_of(backtest: Backtest) -> Tally:
    """Return the figures so far, zeros where it has not begun; rules in the document's order."""
    tally = Tally.from_json(backtest.totals.get("tally", {}))
    order = [rule.get("code") for rule in backtest.document.get("rules", ())]
    tally.rules = {code: tally.rules[code] for code in order if code in tally.rules}
    return tally


def figures_of(backtest: Backtest) -> Figures:
    """Return the sums."""
    return figures(tally_of(backtest), backtest.totals.get("handling_s", DEFAULT_HANDLING_S))


def payouts_per_second(backtest: Backtest) -> int:
    """Return how fast it went, 0 where it has not begun."""
    took_ms = backtest.totals.get("took_ms", 0)
    return backtest.done * 1_000 // took_ms if took_ms else 0


def report(backtest: Backtest) -> dict[str, Any]:
    """Return everything as one JSON object; ids of sampled payouts, no names."""
    tally, sums = tally_of(backtest), figures_of(backtest)
    return {
        "backtest": backtest.pk,
        "title": backtest.title,
        "state": str(backtest.state),
        "detail": backtest.detail,
        "since": clock.rfc3339(backtest.since),
        "until": clock.rfc3339(backtest.until),
        "compared_with_policy": backtest.totals.get("live"),
        "payouts": sums.payouts,
        "days": sums.days,
        "flagged": {"total": sums.flagged, **tally.flagged},
        "blocked": tally.blocked,
        "errors": tally.errors,
        "live_flagged": {"total": sums.live_flagged, **tally.live_flagged},
        "gained": {"total": sums.gained, **tally.gained},
        "lost": {"total": sums.lost, **tally.lost},
        "really_flagged": sums.really_flagged,
        "newly_flagged": tally.new["never"],
        "no_longer_flagged": {"total": sum(tally.dropped.values()), **tally.dropped},
        "missed": sums.missed,
        "auto_approvable": tally.auto_eligible,
        "handling_s": sums.handling_s,
        "handling_is_measured": backtest.totals.get("handling_is_measured", False),
        "review_minutes_a_day": sums.minutes_a_day,
        "extra_review_minutes_a_day": sums.extra_minutes_a_day,
        "rules": {
            code: {**rule, "precision_percent": precision(rule)}
            for code, rule in tally.rules.items()
        },
        "gained_sample": tally.gained_sample,
        "lost_sample": tally.lost_sample,
        "payouts_per_second": payouts_per_second(backtest),
    }


def table(backtest: Backtest) -> str:
    """Return the figures as lines for a terminal."""
    tally, sums = tally_of(backtest), figures_of(backtest)
    lines = [
        f"{backtest.title}",
        f"{backtest.since:%Y-%m-%d %H:%M} to {backtest.until:%Y-%m-%d %H:%M} UTC, compared with"
        f" policy {backtest.totals.get('live', '-')}; {backtest.get_state_display().lower()}",
        "",
        _row("", "all", *OUTCOMES),
        _row("payouts", sums.payouts, *tally.seen.values()),
        _row("would be flagged", sums.flagged, *tally.flagged.values()),
        _row("the live policy flags", sums.live_flagged, *tally.live_flagged.values()),
        _row("gained", sums.gained, *tally.gained.values()),
        _row("lost", sums.lost, *tally.lost.values()),
        "",
        _row("rule", "hits", "alone", "errors", "rejected", "approved", "precision"),
    ]
    for code, rule in tally.rules.items():
        share = precision(rule)
        lines.append(
            _row(
                code,
                *(rule[name] for name in ("hits", "alone", "errors", "rejected", "approved")),
                "-" if share is None else f"{share} %",
            )
        )
    measured = "" if backtest.totals.get("handling_is_measured") else " assumed"
    lines += [
        "",
        f"would block {tally.blocked:,}; could approve by itself {tally.auto_eligible:,}",
        f"rejected by officers and no longer flagged: {sums.missed:,}",
        f"review {sums.minutes_a_day:,} min a day ({sums.extra_minutes_a_day:+,}), at"
        f" {sums.handling_s:,} s a case{measured}",
        f"{payouts_per_second(backtest):,} payouts/s",
    ]
    return "\n".join(lines)


def _row(name: str, *cells: object) -> str:
    shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in cells)
    return f"{name[:_WIDTH]:<{_WIDTH}}" + "".join(f"{cell:>11}" for cell in shown)
