"""`python -m bench [PART ...]`: measure the platform on this machine; JSON as the last line.

Without a part: throughput with its two comparisons, screening, burst, paced and memory, in under
five minutes; with `--full` also fairness, stability, growth, console and dashboard.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atlaspay.embedded import EmbeddedError
from bench import fill, meter, report
from bench.parts import arrivals, console, dashboard, fairness, growth, screening, throughput
from bench.processes import BenchError
from bench.stack import Stack, platform

QUICK = ("throughput", "limit", "baseline", "screening", "burst", "paced")
LONG = ("fairness", "stability", "growth", "console", "dashboard")


def main(words: Sequence[str] | None = None) -> int:
    """Run the parts asked for; returns the exit code: 0 whatever the figures are."""
    options = _options(words)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    found: dict[str, Any] = {"machine": report.machine()}
    code = 0
    try:
        with platform(report.say, logs=options.logs) as stack:
            _measure(stack, options, found)
    except (BenchError, EmbeddedError) as error:
        report.say(f"stopped: {error}")
        found["why_incomplete"] = str(error)
        code = 1
    except KeyboardInterrupt:
        found["why_incomplete"] = "interrupted"
        code = 130
    report.show(found)
    report.finish(found)
    return code


def _measure(stack: Stack, options: argparse.Namespace, found: dict[str, Any]) -> None:
    parts = options.parts or [*QUICK, *(LONG if options.full else ())]
    if not {"limit", "baseline", "screening"} >= set(parts):
        throughput.warm_up(stack)
    if "throughput" in parts:
        found["throughput"] = throughput.measure(
            stack, payouts=options.payouts, times=options.repeats
        )
    # Before the limit, which writes into the copy of the schema that screening copies.
    if "screening" in parts:
        found["screening"] = screening.measure(
            stack, payouts=options.screened, names=options.names, times=options.repeats
        )
    if {"limit", "baseline"} & set(parts):
        ours = found.setdefault("throughput", {})
        ours |= throughput.compare(
            stack,
            ours.get("payouts_per_s_median"),
            limit_payouts=options.limit_payouts if "limit" in parts else 0,
            baseline_payouts=options.baseline_payouts if "baseline" in parts else 0,
        )
    if "burst" in parts:
        found["burst"] = arrivals.burst(stack, posts=options.posts)
    if "paced" in parts:
        found["paced"] = arrivals.paced(
            stack, batches_per_s=options.batches_per_s, seconds=options.seconds
        )
    if "fairness" in parts:
        found["fairness"] = fairness.measure(stack, seconds=options.seconds)
    if "stability" in parts:
        found["stability"] = growth.stability(stack, payouts=options.payouts)
    if "growth" in parts:
        found["growth"] = growth.measure(
            stack, payouts=options.payouts, stored=options.stored, times=options.repeats
        )
    if "console" in parts:
        growth.ensure_stored(stack, options.stored)
        fill.flagged(stack, options.flagged)
        found["console"] = console.measure(stack, payouts=options.stored, flagged=options.flagged)
    if "dashboard" in parts:
        found["dashboard"] = dashboard.measure(stack, payouts=options.stored)
    found["memory"] = meter.memory(stack.usage())


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    known = [*QUICK, *LONG]
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(known))
    parser.add_argument("--full", action="store_true", help=f"also {', '.join(LONG)}")
    parser.add_argument("--payouts", type=int, default=10_000, help="payouts of one throughput run")
    parser.add_argument("--repeats", type=int, default=3, help="throughput runs")
    parser.add_argument("--limit-payouts", type=int, default=10_000)
    parser.add_argument("--baseline-payouts", type=int, default=1_000)
    parser.add_argument("--screened", type=int, default=10_000, help="payouts of one screening run")
    parser.add_argument("--names", type=int, default=20_000, help="listed names of screening")
    parser.add_argument("--posts", type=int, default=200, help="POSTs of a burst")
    parser.add_argument("--batches-per-s", type=float, default=8.0, help="of paced arrival")
    parser.add_argument("--seconds", type=float, default=30.0, help="of paced arrival")
    parser.add_argument(
        "--stored", type=int, default=1_000_000, help="of growth, console, dashboard"
    )
    parser.add_argument("--flagged", type=int, default=20_000, help="cases of console")
    parser.add_argument("--logs", type=Path, help="directory that keeps what the processes wrote")
    options = parser.parse_args(words)
    if unknown := set(options.parts) - set(known):
        parser.error(f"there is no part {min(unknown)!r}; there are {', '.join(known)}")
    return options


def _interrupt(number: int, _frame: object) -> None:
    """End once; what comes while all is being stopped must not leave half of it behind."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)


if __name__ == "__main__":
    sys.exit(main())
