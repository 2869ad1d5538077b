"""One measured run: send a load, wait for the last webhook, read the clocks, prove the result."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import client, meter
from bench.client import Load, Post
from bench.figures import latency_ms, rounded, spread_s
from bench.payloads import Payloads
from bench.processes import BenchError
from bench.stack import Stack, Tenant

STALL_S = 30.0
POLL_S = 0.1

_TIMES = """
SELECT e.id, e.type, extract(epoch FROM p.final_at)::float8,
       extract(epoch FROM p.submitted_at)::float8, extract(epoch FROM p.sent_at)::float8
  FROM webhooks_event e LEFT JOIN payouts_payout p ON p.id = e.object_id
 WHERE e.position > %s
"""
_STATES = """
SELECT p.state, count(*) FROM payouts_payout p JOIN payouts_batch b ON b.id = p.batch_id
 WHERE b.reference LIKE %s GROUP BY 1
"""
_DELIVERIES = """
SELECT d.state, count(*) FROM webhooks_delivery d JOIN webhooks_event e ON e.id = d.event_id
 WHERE e.position > %s GROUP BY 1
"""


@dataclass
class Run:
    """What one run showed. `faults` empty means that every result was as it must be."""

    payouts: int
    posts: list[Post]
    wall_s: float = 0.0
    payouts_wall_s: float = 0.0
    intake_s: float = 0.0
    settle_s: list[float] = field(default_factory=list)
    notify_s: list[float] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)
    usage: dict[str, meter.Usage] = field(default_factory=dict)
    all_settled_s: float | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def rate_per_s(self) -> float | None:
        """Payouts per second from the first POST to the last webhook; None for a wrong result."""
        return None if self.faults or not self.wall_s else round(self.payouts / self.wall_s, 1)

    def figures(self) -> dict[str, Any]:
        """Return the run as JSON values, each with its unit in its name."""
        return {
            "payouts": self.payouts,
            "payouts_per_s": self.rate_per_s,
            "first_post_to_last_webhook_s": rounded(self.wall_s),
            "first_post_to_last_payout_webhook_s": rounded(self.payouts_wall_s),
            "first_post_to_last_answer_s": rounded(self.intake_s),
            "first_post_to_last_settled_s": rounded(self.all_settled_s),
            "api": latency_ms([post.took_s for post in self.posts]),
            "submitted_to_settled": spread_s(self.settle_s),
            "settled_to_received": spread_s(self.notify_s),
            "cpu_s_by_role": self.cpu_s,
            "cpu_s_total": round(sum(self.cpu_s.values()), 2),
            "why_null": "; ".join(self.faults) or None,
        }


def batches(stack: Stack, count: int, size: int) -> tuple[str, list[tuple[str, bytes]]]:
    """Prebuild a run's bodies; returns the prefix of their references and the bodies."""
    stack.run_count += 1
    prefix = f"run{stack.run_count:03d}-{int(time.time())}"
    supply = Payloads(seed=stack.run_count * 7919 + int(time.time()), prefix=prefix)
    return prefix, [supply.batch(size) for _ in range(count)]


def run(
    stack: Stack,
    *,
    count: int,
    size: int = 100,
    clients: int = 8,
    rate_per_s: float | None = None,
    is_async: bool = False,
    tenant: Tenant | None = None,
) -> Run:
    """Send `count` batches of `size` payouts and measure until the last webhook has arrived.

    Raises BenchError when a process dies.
    """
    prefix, bodies = batches(stack, count, size)
    load = Load(bodies, clients=clients, rate_per_s=rate_per_s, is_async=is_async)
    stack.ask("POST", f"{stack.receiver_url}/reset")
    with stack.connect() as connection:
        row = connection.execute("SELECT coalesce(max(position), 0) FROM webhooks_event").fetchone()
        position = row[0] if row else 0
    cpu_self = time.process_time()
    before = stack.usage()
    posts = asyncio.run(_send_and_wait(stack, load, tenant or stack.tenant, count * size))
    after = stack.usage()
    done = Run(payouts=count * size, posts=posts, usage=after)
    done.cpu_s = {
        **meter.cpu_between(before, after),
        "client": round(time.process_time() - cpu_self, 2),
    }
    _read_clocks(stack, done, position)
    done.faults += _faults(stack, done, prefix, position)
    return done


async def _send_and_wait(stack: Stack, load: Load, tenant: Tenant, expected: int) -> list[Post]:
    posts = await client.send(stack.web_url, tenant.key, load)
    if any(post.status == 202 for post in posts):
        await _await_webhooks(stack, expected, len(load.bodies))
    return posts


async def _await_webhooks(stack: Stack, expected: int, batch_count: int) -> None:
    """Wait until each payout and each batch has been told of, or nothing has come for a while."""
    quiet_since, seen = time.monotonic(), -1
    while time.monotonic() - quiet_since < STALL_S:
        stack.processes.require_all()
        stats = stack.ask("GET", f"{stack.receiver_url}/stats")
        types = stats["types"]
        if types.get("payout.settled", 0) >= expected and (
            types.get("batch.completed", 0) >= batch_count
        ):
            return
        if stats["received"] != seen:
            quiet_since, seen = time.monotonic(), stats["received"]
        await asyncio.sleep(POLL_S)


def _read_clocks(stack: Stack, done: Run, position: int) -> None:
    arrivals = dict(stack.ask("GET", f"{stack.receiver_url}/arrivals"))
    first_at = min(post.started_at for post in done.posts)
    done.intake_s = max(post.started_at + post.took_s for post in done.posts) - first_at
    with stack.connect() as connection:
        rows = connection.execute(_TIMES, [position]).fetchall()
    last_settled = 0.0
    last_payout = 0.0
    for event_id, kind, final_at, submitted_at, _ in rows:
        if kind != "payout.settled" or final_at is None:
            continue
        done.settle_s.append(final_at - submitted_at)
        last_settled = max(last_settled, final_at)
        if event_id in arrivals:
            done.notify_s.append(max(0.0, arrivals[event_id] - final_at))
            last_payout = max(last_payout, arrivals[event_id])
    if arrivals:
        done.wall_s = max(arrivals.values()) - first_at
    if last_payout:
        done.payouts_wall_s = last_payout - first_at
        done.all_settled_s = last_settled - first_at


def _faults(stack: Stack, done: Run, prefix: str, position: int) -> list[str]:
    """Prove the run; returns what is wrong, in words."""
    faults = _refusals(done.posts)
    with stack.connect() as connection:
        states = dict(connection.execute(_STATES, [f"{prefix}%"]).fetchall())
        deliveries = dict(connection.execute(_DELIVERIES, [position]).fetchall())
    if states != {"settled": done.payouts}:
        faults.append(f"{done.payouts} payouts should be settled, found {states}")
    stats = stack.ask("GET", f"{stack.receiver_url}/stats")
    if stats["distinct"] != sum(deliveries.values()) or set(deliveries) != {"delivered"}:
        faults.append(f"{stats['distinct']} webhooks arrived, deliveries are {deliveries}")
    if stats["duplicates"] or stats["invalid"]:
        faults.append(f"webhooks twice: {stats['duplicates']}, invalid: {stats['invalid']}")
    audit = stack.ask("GET", f"{stack.bank_url}/_sim/audit")
    if not audit["consistent"] or audit["double_paid"] or audit["at_risk"]:
        faults.append(f"the bank's audit: {json.dumps(audit['problems'])[:200]}")
    try:
        stack.manage("check_ledger", "--json")
    except BenchError as error:
        faults.append(str(error))
    return faults


def _refusals(posts: Sequence[Post]) -> list[str]:
    refused = [post for post in posts if post.status != 202]
    if not refused:
        return []
    first = refused[0]
    return [f"{len(refused)} of {len(posts)} POSTs failed, first {first.status} {first.said}"]
