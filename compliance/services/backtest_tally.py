"""The figures of a backtest, added up payout by payout. Plain JSON throughout, so that a run can go
on from what the last slice left.

Outcomes say what really happened to a payout: never flagged, or flagged and approved, rejected,
still open, withdrawn.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

APPROVED, REJECTED, OPEN, WITHDRAWN, NEVER = "approved", "rejected", "open", "withdrawn", "never"
OUTCOMES = (APPROVED, REJECTED, OPEN, WITHDRAWN, NEVER)
SAMPLE = 20
DEFAULT_HANDLING_S = 300

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Said:
    """What one policy said of a payout: `codes` are the rules that flagged, `errors` those of them
    that could not be evaluated."""

    is_flagged: bool
    is_blocked: bool = False
    codes: Sequence[str] = ()
    errors: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """One past payout under the tried and the live policy. `day` is its date of submission."""

    payout_id: str
    day: str
    outcome: str
    tried: Said
    live: Said
    is_auto_eligible: bool = False


def _counts() -> Counts:
    return dict.fromkeys(OUTCOMES, 0)


@dataclass(slots=True)
class Tally:
    """The running figures. `gained` and `lost` compare with the live policy on the same facts;
    `new` and `dropped` with what was really flagged."""

    seen: Counts = field(default_factory=_counts)
    flagged: Counts = field(default_factory=_counts)
    live_flagged: Counts = field(default_factory=_counts)
    gained: Counts = field(default_factory=_counts)
    lost: Counts = field(default_factory=_counts)
    new: Counts = field(default_factory=_counts)
    dropped: Counts = field(default_factory=_counts)
    blocked: int = 0
    errors: int = 0
    auto_eligible: int = 0
    days: list[str] = field(default_factory=list)
    rules: dict[str, dict[str, int]] = field(default_factory=dict)
    gained_sample: list[dict[str, Any]] = field(default_factory=list)
    lost_sample: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def begun(cls, codes: Iterable[str]) -> "Tally":
        """Return an empty tally that names every rule, also those that will never hit."""
        return cls(rules={code: _rule() for code in codes})

    def add(self, chunk: Iterable[Tried], chance: random.Random) -> None:
        """Count these payouts."""
        days = set(self.days)
        for one in chunk:
            self._count(one)
            days.add(one.day)
            if one.tried.is_flagged and not one.live.is_flagged:
                self.gained[one.outcome] += 1
                _keep(self.gained_sample, sum(self.gained.values()), one, one.tried, chance)
            elif one.live.is_flagged and not one.tried.is_flagged:
                self.lost[one.outcome] += 1
                _keep(self.lost_sample, sum(self.lost.values()), one, one.live, chance)
        self.days = sorted(days)

    def _count(self, one: Tried) -> None:
        self.seen[one.outcome] += 1
        if one.live.is_flagged:
            self.live_flagged[one.outcome] += 1
        if one.tried.is_flagged:
            self.flagged[one.outcome] += 1
            self.blocked += one.tried.is_blocked
            self.auto_eligible += one.is_auto_eligible
            if one.outcome == NEVER:
                self.new[one.outcome] += 1
        elif one.outcome != NEVER:
            self.dropped[one.outcome] += 1
        self.errors += bool(one.tried.errors)
        for code in one.tried.codes:
            rule = self.rules.setdefault(code, _rule())
            rule["hits"] += 1
            rule["errors"] += code in one.tried.errors
            rule["alone"] += one.tried.is_flagged and len(one.tried.codes) == 1
            rule[one.outcome] += 1

    def as_json(self) -> dict[str, Any]:
        """Return all of it for the row."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Tally":
        """Take up what a row holds; the database keeps no order of names, so counts are put back
        into theirs."""
        made = cls(**{name: kept[name] for name in cls.__slots__ if name in kept})
        for name in ("seen", "flagged", "live_flagged", "gained", "lost", "new", "dropped"):
            setattr(made, name, {each: getattr(made, name)[each] for each in OUTCOMES})
        return made


def _rule() -> dict[str, int]:
    return {"hits": 0, "alone": 0, "errors": 0, **_counts()}


def _keep(
    sample: list[dict[str, Any]], count: int, one: Tried, said: Said, chance: random.Random
) -> None:
    """Keep each of `count` payouts with the same probability (algorithm R)."""
    entry = {"id": one.payout_id, "outcome": one.outcome, "codes": list(said.codes)}
    if len(sample) < SAMPLE:
        sample.append(entry)
    elif (place := chance.randrange(count)) < SAMPLE:
        sample[place] = entry


@dataclass(frozen=True, slots=True)
class Figures:
    """What a reader asks of a finished or running tally. Minutes a day are whole ones."""

    payouts: int
    flagged: int
    live_flagged: int
    really_flagged: int
    gained: int
    lost: int
    missed: int
    days: int
    handling_s: int
    minutes_a_day: int
    live_minutes_a_day: int

    @property
    def extra_minutes_a_day(self) -> int:
        """Return how much more (or less) officers would review than under the live policy."""
        return self.minutes_a_day - self.live_minutes_a_day


def figures(tally: Tally, handling_s: int) -> Figures:
    """Sum a tally up. `missed` are payouts that officers rejected and this policy lets go."""
    flagged, live = sum(tally.flagged.values()), sum(tally.live_flagged.values())
    days = max(len(tally.days), 1)
    return Figures(
        payouts=sum(tally.seen.values()),
        flagged=flagged,
        live_flagged=live,
        really_flagged=sum(tally.seen.values()) - tally.seen[NEVER],
        gained=sum(tally.gained.values()),
        lost=sum(tally.lost.values()),
        missed=tally.dropped[REJECTED],
        days=len(tally.days),
        handling_s=handling_s,
        minutes_a_day=round(flagged * handling_s / 60 / days),
        live_minutes_a_day=round(live * handling_s / 60 / days),
    )


def precision(rule: Mapping[str, int]) -> int | None:
    """Return the percentage of a rule's decided hits that officers rejected; None without any."""
    decided = rule[APPROVED] + rule[REJECTED]
    return round(100 * rule[REJECTED] / decided) if decided else None
