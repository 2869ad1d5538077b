"""The dashboard's figures: counts, shares and durations of a period, from the sums alone.

Counts of payouts of several currencies are added, amounts never. A payout belongs to the day it was
submitted on, so that yesterday's success rate still moves when its last payouts end.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from atlaspay.core.histogram import percentile_ms
from payouts.dashboard.period import Period
from payouts.machine import FINAL_STATES, State
from payouts.rails import failures
from payouts.rollups import read

PARTS = ("screening", "review", "queue", "bank")


@dataclass(slots=True)
class Volume:
    """Amounts of one currency in minor units; `settled_minor` are those that stayed settled."""

    payouts: int = 0
    submitted_minor: int = 0
    settled_minor: int = 0
    returned_minor: int = 0


@dataclass(slots=True)
class Slot:
    """One column of the charts: an hour, a day or a week."""

    at: datetime
    settled: int = 0
    failed: int = 0
    other: int = 0
    p50_ms: int | None = None
    p95_ms: int | None = None

    @property
    def total(self) -> int:
        """All payouts submitted in it."""
        return self.settled + self.failed + self.other


@dataclass(frozen=True, slots=True)
class Reason:
    """Payouts that failed, or came back, for one reason."""

    code: str
    words: str
    payouts: int


@dataclass(slots=True)
class Figures:
    """Everything the page shows of payouts. Shares are None where they would be of nothing."""

    slots: list[Slot]
    by_state: Counter[str] = field(default_factory=Counter)
    volumes: dict[str, Volume] = field(default_factory=lambda: defaultdict(Volume))
    failed: list[Reason] = field(default_factory=list)
    returned: list[Reason] = field(default_factory=list)
    timed: int = 0
    prompt: int = 0
    reviewed: int = 0
    settle_ms: int = 0
    part_ms: Counter[str] = field(default_factory=Counter)
    times: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All payouts submitted in the period."""
        return self.by_state.total()

    @property
    def under_way(self) -> int:
        """Those that have not ended."""
        return sum(n for state, n in self.by_state.items() if state not in FINAL_STATES)

    @property
    def success_share(self) -> float | None:
        """Settled of settled and failed; what was returned or canceled counts in neither."""
        settled, failed = self.by_state[State.SETTLED], self.by_state[State.FAILED]
        return share(settled, settled + failed)

    @property
    def prompt_share(self) -> float | None:
        """Within five minutes, of those that settled."""
        return share(self.prompt, self.timed)

    @property
    def mean_ms(self) -> int | None:
        """Average time to settle."""
        return self.settle_ms // self.timed if self.timed else None

    @property
    def p50_ms(self) -> int | None:
        """Half of those settled took no longer; within the histogram's error."""
        return percentile_ms(self.times, 0.5)

    @property
    def p95_ms(self) -> int | None:
        """Nineteen of twenty took no longer; within the histogram's error."""
        return percentile_ms(self.times, 0.95)

    def part_mean_ms(self, part: str) -> int:
        """Average time a settled payout spent there; those that were never there count as 0."""
        return self.part_ms[part] // self.timed if self.timed else 0


def share(part: int, whole: int) -> float | None:
    """Return the part of the whole, None where there is no whole."""
    return part / whole if whole else None


def figures(scope: str, period: Period, *, is_public: bool) -> Figures:
    """Return a period's figures. `is_public`: in the partner's words, refusals that must not be
    named hidden among the others. Two queries.
    """
    stretch = read.Stretch(
        period.since_at,
        period.until_at,
        period.grain,
        scope,
        period.currency,
        weekly=period.slot_words == "week",
    )
    slots = {at: Slot(at) for at in period.slots()}
    made = Figures(slots=list(slots.values()))
    reasons: dict[str, Counter[str]] = {State.FAILED: Counter(), State.RETURNED: Counter()}
    for row in read.sums(stretch):
        _add(made, row)
        _place(slots[row.start_at], row)
        if row.state in reasons:
            code = failures.explain(row.failure_code).code if is_public else row.failure_code
            reasons[row.state][code] += row.payouts
    _time(made, slots, read.times(stretch))
    made.failed = _reasons(reasons[State.FAILED])
    made.returned = _reasons(reasons[State.RETURNED])
    return made


def _add(made: Figures, row: read.Sum) -> None:
    made.by_state[row.state] += row.payouts
    volume = made.volumes[row.currency]
    volume.payouts += row.payouts
    volume.submitted_minor += row.amount_minor
    volume.returned_minor += row.returned_minor
    if row.state in (State.SETTLED, State.RETURNED):
        volume.settled_minor += row.amount_minor - row.returned_minor
    made.timed += row.timed
    made.prompt += row.prompt
    made.reviewed += row.reviewed
    made.settle_ms += row.settle_ms
    for part in PARTS:
        made.part_ms[part] += getattr(row, f"{part}_ms")


def _place(slot: Slot, row: read.Sum) -> None:
    if row.state == State.SETTLED:
        slot.settled += row.payouts
    elif row.state == State.FAILED:
        slot.failed += row.payouts
    else:
        slot.other += row.payouts


def _time(made: Figures, slots: dict[datetime, Slot], rows: Sequence[read.Time]) -> None:
    by_slot: dict[datetime, Counter[int]] = defaultdict(Counter)
    for row in rows:
        made.times[row.bucket] += row.payouts
        by_slot[row.start_at][row.bucket] += row.payouts
    for at, counts in by_slot.items():
        slots[at].p50_ms = percentile_ms(counts, 0.5)
        slots[at].p95_ms = percentile_ms(counts, 0.95)


def _reasons(found: Counter[str]) -> list[Reason]:
    def words(code: str) -> str:
        return failures.explain(code).message

    ordered: Iterable[tuple[str, int]] = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return [Reason(code, words(code), count) for code, count in ordered]
