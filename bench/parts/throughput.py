"""Payouts/s from the first POST to the last webhook, next to what bounds it and what it beats."""

import statistics
from typing import Any

from bench.baseline import measure as baseline_run
from bench.drive import Run, run
from bench.figures import ratio
from bench.limit import measure as limit_run
from bench.processes import BenchError
from bench.stack import Stack

BATCH = 100
CLIENTS = 8
WARM_UP = 10
GOAL_PER_S = 1_000
GOAL_RATIO = 20


def warm_up(stack: Stack, batches: int = WARM_UP) -> None:
    """Let every process load its code, plans and connections before anything is measured."""
    stack.say(f"warm up: {batches * BATCH} payouts")
    done = run(stack, count=batches, size=BATCH, clients=CLIENTS)
    if done.faults:
        raise BenchError(f"the warm-up went wrong: {'; '.join(done.faults)}")


def repeats(stack: Stack, *, payouts: int, times: int) -> list[Run]:
    """Run the same load several times; the tables grow from run to run, as in life."""
    done = []
    for number in range(times):
        one = run(stack, count=max(1, payouts // BATCH), size=BATCH, clients=CLIENTS)
        rate = one.rate_per_s
        stack.say(f"throughput {number + 1}/{times}: {rate} payouts/s {'; '.join(one.faults)}")
        done.append(one)
    return done


def measure(stack: Stack, *, payouts: int, times: int) -> dict[str, Any]:
    """Return median and worst with every run."""
    runs = repeats(stack, payouts=payouts, times=times)
    rates = [one.rate_per_s for one in runs if one.rate_per_s is not None]
    is_whole = len(rates) == len(runs)
    middle = statistics.median(rates) if is_whole else None
    return {
        "payouts_per_s_median": middle,
        "payouts_per_s_worst": min(rates) if is_whole else None,
        "goal_payouts_per_s": GOAL_PER_S,
        "payouts_per_run": runs[0].payouts,
        "batch_size": BATCH,
        "clients": CLIENTS,
        "cpu_us_per_payout_by_role": _cpu_us(runs),
        "runs": [one.figures() for one in runs],
        "why_null": next(("; ".join(one.faults) for one in runs if one.faults), None),
    }


def compare(
    stack: Stack, median: float | None, *, limit_payouts: int, baseline_payouts: int
) -> dict[str, Any]:
    """Measure the database's own limit and the obvious implementation; 0 payouts: not that one."""
    found: dict[str, Any] = {}
    if limit_payouts:
        bound = limit_run.measure(stack, limit_payouts)
        stack.say(f"postgres limit: {bound['payouts_per_s']} payouts/s")
        found["postgres_limit"] = bound
        found["ratio_to_postgres_limit"] = ratio(median, bound["payouts_per_s"])
        found["ratio_to_settle_path_limit"] = ratio(median, bound["settle_path_payouts_per_s"])
    if baseline_payouts:
        obvious = baseline_run.measure(stack, baseline_payouts)
        stack.say(f"baseline: {obvious['payouts_per_s']} payouts/s {obvious['why_null'] or ''}")
        found["baseline"] = obvious
        found["ratio_to_baseline"] = ratio(median, obvious["payouts_per_s"])
        found["goal_ratio_to_baseline"] = GOAL_RATIO
    return found


def _cpu_us(runs: list[Run]) -> dict[str, float]:
    """Return microseconds of CPU per payout and role over all runs.

    The steadiest figure there is: it hardly moves when others use the machine.
    """
    payouts = sum(one.payouts for one in runs)
    roles = sorted({role for one in runs for role in one.cpu_s})
    spent = {role: sum(one.cpu_s.get(role, 0.0) for one in runs) for role in roles}
    spent["total"] = sum(spent.values())
    return {role: round(cpu_s / payouts * 1e6, 1) for role, cpu_s in spent.items()}
