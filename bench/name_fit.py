"""`python -m bench.name_fit`: fit the matcher's costs, print them, and how well such a fit carries.

Fitted on the tuning half of the labelled pairs and on pairs made from the public lists; the
held-out half is not read. Every fifth of the tuning half is judged by costs fitted on the rest.
"""

import dataclasses
import math
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from bench import report
from bench.name_data import is_there, listed, pairs
from bench.name_made import made_pairs
from bench.names import HIT, figures
from compliance.rules.names.parse import Name, parse
from compliance.rules.names.score import COSTS, Costs, judge, percent

# What is fitted, and by how much it is moved at a time. The other costs rank names among each
# other, above or below the operating point, and are no matter of frequency.
STEPS = {
    "pair_least": 0.03,
    "pair_power": 0.15,
    "conflict": 0.04,
    "damping": 0.08,
    "lone_share": 0.04,
}
# Where the search begins, in every fold: round numbers, not the fitted ones.
BEGIN = dataclasses.replace(
    COSTS,
    pair_least=0.6,
    pair_power=1.5,
    conflict=0.7,
    damping=0.5,
    lone_share=0.75,
)
ROUNDS, FOLDS = 6, 5
# A pair is wrong by degrees: fully where it is well on the wrong side, a little where it is near
# the operating point; a clear one gains nothing by getting clearer.
WIDTH, CLEAR, HOPELESS = 4.0, 2.0, -15.0


class Judged(NamedTuple):
    """A pair taken apart, and the part of the tuning half it is in (-1: none)."""

    group: str
    kind: str
    left: Name
    right: Name
    is_match: bool
    fold: int


def main() -> int:
    """Fit and report; 1 where there is nothing to fit on."""
    if not is_there():
        report.finish({"why_incomplete": "no data"})
        return 1
    tuning = [
        Judged(
            "tuning", one.kind, parse(one.a), parse(one.b), one.is_match, one.falls(2 * FOLDS) // 2
        )
        for one in pairs()
        if one.falls(2) == 0
    ]
    made = [
        Judged(one.group, one.kind, parse(one.a), parse(one.b), one.is_match, -1)
        for one in made_pairs(listed(40_000))
    ]
    found: dict[str, Any] = {"now": dataclasses.asdict(COSTS), **judged(tuning, made, COSTS)}
    carried: list[tuple[int, bool]] = []
    for fold in range(FOLDS):
        costs = fit([one for one in tuning if one.fold != fold] + made)
        carried += scored([one for one in tuning if one.fold == fold], costs)
        found[f"fold_{fold}"] = {name: getattr(costs, name) for name in STEPS}
    found["cross_validated"] = figures(carried, HIT)
    costs = fit(tuning + made)
    found["fitted"] = {name: getattr(costs, name) for name in STEPS}
    found["with_fitted"] = judged(tuning, made, costs)
    report.show(found)
    report.finish(found)
    return 0


def fit(given: Sequence[Judged], costs: Costs = BEGIN) -> Costs:
    """Return the costs that put most pairs on their side; one is moved at a time, down a slope."""
    shares = _shares(given)
    best = _loss(given, shares, costs)
    for _ in range(ROUNDS):
        for name, step in STEPS.items():
            for change in (step, -step):
                moved = dataclasses.replace(costs, **{name: getattr(costs, name) + change})
                while getattr(moved, name) >= 0 and (least := _loss(given, shares, moved)) < best:
                    best, costs = least, moved
                    moved = dataclasses.replace(costs, **{name: getattr(costs, name) + change})
    return dataclasses.replace(costs, **{name: round(getattr(costs, name), 4) for name in STEPS})


def judged(tuning: Sequence[Judged], made: Sequence[Judged], costs: Costs) -> dict[str, Any]:
    """Return the figures of the tuning half, of the made pairs, and the share of each of their
    groups that falls on its side."""
    groups: dict[str, list[bool]] = {}
    for one, (value, is_match) in zip(made, scored(made, costs), strict=True):
        groups.setdefault(one.group, []).append((value >= HIT) == is_match)
    return {
        "loss": round(_loss([*tuning, *made], _shares([*tuning, *made]), costs), 5),
        "tuning": figures(scored(tuning, costs), HIT),
        "made": figures(scored(made, costs), HIT),
        "groups": {name: round(sum(right) / len(right), 3) for name, right in groups.items()},
    }


def scored(given: Sequence[Judged], costs: Costs) -> list[tuple[int, bool]]:
    """Return the similarity of each pair and whether it is a match."""
    return [
        (percent(judge(one.left, one.right, one.kind, costs=costs)[0]), one.is_match)
        for one in given
    ]


def _shares(given: Sequence[Judged]) -> list[float]:
    """Return what each pair counts: labelled ones half of all, made ones a quarter a side."""
    count = Counter((one.group, one.is_match and one.group != "tuning") for one in given)
    sides = Counter(is_match for group, is_match in count if group != "tuning")
    return [
        0.5 / count["tuning", False]
        if one.group == "tuning"
        else 0.25 / sides[one.is_match] / count[one.group, one.is_match]
        for one in given
    ]


def _loss(given: Sequence[Judged], shares: Sequence[float], costs: Costs) -> float:
    lost = 0.0
    for one, share in zip(given, shares, strict=True):
        above = judge(one.left, one.right, one.kind, costs=costs)[0] * 100 - (HIT - 0.5)
        side = (above if one.is_match else -above) / WIDTH
        lost += share / (1 + math.exp(max(HOPELESS, min(CLEAR, side))))
    return lost


if __name__ == "__main__":
    sys.exit(main())
