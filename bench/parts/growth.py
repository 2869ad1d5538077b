"""Does a million stored payouts slow the next ones? And is every run as fast as the others?"""

import time
from typing import Any

from bench import fill
from bench.figures import median, ratio
from bench.parts import throughput
from bench.stack import Stack

SMALL = 10_000
GOAL = 0.9
GOAL_SLOWEST = 2.0
STABILITY_RUNS = 10


def measure(stack: Stack, *, payouts: int, stored: int, times: int) -> dict[str, Any]:
    """Measure throughput with about 10 thousand and with `stored` payouts in the tables."""
    small = ensure_stored(stack, SMALL)
    before = throughput.measure(stack, payouts=payouts, times=times)["payouts_per_s_median"]
    started = time.monotonic()
    large = ensure_stored(stack, stored)
    stack.say(f"stored {large} payouts, {time.monotonic() - started:.0f} s")
    after = throughput.measure(stack, payouts=payouts, times=times)["payouts_per_s_median"]
    return {
        "stored_before": small,
        "stored_after": large,
        "payouts_per_s_before": before,
        "payouts_per_s_after": after,
        "ratio": ratio(after, before),
        "goal_ratio": GOAL,
    }


def stability(stack: Stack, *, payouts: int) -> dict[str, Any]:
    """Run the same load ten times: no run may take twice the median's time."""
    runs = throughput.repeats(stack, payouts=payouts, times=STABILITY_RUNS)
    walls = [one.wall_s for one in runs if not one.faults]
    middle = median(walls)
    return {
        "runs": len(runs),
        "runs_right": len(walls),
        "payouts_per_s_each": [one.rate_per_s for one in runs],
        "slowest_to_median": ratio(max(walls), middle) if walls else None,
        "goal_slowest_to_median": GOAL_SLOWEST,
    }


def ensure_stored(stack: Stack, wanted: int) -> int:
    """Store settled payouts until there are at least `wanted`; returns how many there are."""
    present = _count(stack)
    if present < wanted:
        missing = wanted - present
        fill.settled(stack, missing + (-missing % fill.CHUNK))
    return _count(stack)


def _count(stack: Stack) -> int:
    with stack.connect() as connection:
        row = connection.execute("SELECT count(*) FROM payouts_payout").fetchone()
    return int(row[0]) if row else 0
