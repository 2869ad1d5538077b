"""Bursts and paced arrival: what partners feel when everybody comes at once, or day by day."""

from typing import Any

from bench.drive import run
from bench.stack import Stack

BATCH = 100


def burst(stack: Stack, *, posts: int) -> dict[str, Any]:
    """Send `posts` batches at the same instant: plain, and with `Prefer: respond-async`."""
    found = {}
    for name, is_async in (("plain", False), ("respond_async", True)):
        one = run(stack, count=posts, size=BATCH, clients=posts, is_async=is_async)
        figures = one.figures()
        api = figures["api"]["average_ms"]
        stack.say(f"burst {name}: API {api} ms, {one.rate_per_s} payouts/s {'; '.join(one.faults)}")
        found[name] = figures
    return {"posts_at_once": posts, "batch_size": BATCH, **found}


def paced(stack: Stack, *, batches_per_s: float, seconds: float) -> dict[str, Any]:
    """Send batches by the clock, whatever the answers do."""
    count = round(batches_per_s * seconds)
    one = run(stack, count=count, size=BATCH, rate_per_s=batches_per_s)
    figures = one.figures()
    api, notify = figures["api"]["average_ms"], figures["settled_to_received"]["p99_s"]
    stack.say(f"paced: API {api} ms, webhook p99 {notify} s {'; '.join(one.faults)}")
    return {"batches_per_s": batches_per_s, "for_s": seconds, "batch_size": BATCH, **figures}
