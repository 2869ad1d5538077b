"""Runs the obvious implementation beside the platform: its own processes, the same servers, bank
and receiver.
"""

import asyncio
import sys
import time
from typing import Any

import psycopg

from bench import meter
from bench.client import Load, send
from bench.drive import STALL_S, batches
from bench.figures import latency_ms, rounded, spread_s
from bench.processes import Processes, await_port, environment, free_port
from bench.stack import Stack, sibling

DATABASE = "bench_baseline"
SECRET = "whsec_YmFzZWxpbmUgb2YgdGhlIGJlbmNobWFya3M="  # noqa: S105 - of our own receiver
CLIENTS = 8
# Our choice for two cores: enough to cover the bank's latency; not swept.
PAYOUT_WORKERS, HOOK_WORKERS = 4, 2
WEB = (
    "granian --interface wsgi bench.baseline.wsgi:application --host 127.0.0.1 --workers 2"
    " --blocking-threads 1 --http 1 --no-ws --log-level warning"
)
WORKER = (
    "nice -n 5 celery -A bench.baseline.celery -q worker --without-gossip --without-mingle"
    " --without-heartbeat -l WARNING"
)

_TIMES = """
SELECT extract(epoch FROM settled_at - created_at)::float8 FROM baseline_payout
 WHERE state = 'settled'
"""


def measure(stack: Stack, payouts: int, *, batch_size: int = 100) -> dict[str, Any]:
    """Return its payouts/s from first POST to last webhook, null with the reason if it went wrong.

    The platform's own workers are idle meanwhile and cost next to nothing.
    """
    port = free_port()
    url = sibling(stack.database_url, DATABASE)
    processes = Processes(
        stack.processes.logs / "baseline",
        environment(
            DATABASE_URL=url,
            REDIS_URL=stack.processes.environment["REDIS_URL"],
            DJANGO_SETTINGS_MODULE="bench.baseline.settings",
            BASELINE_BANK_URL=stack.bank_url,
            BASELINE_HOOK_URL=f"{stack.receiver_url}/hooks",
            BASELINE_HOOK_SECRET=SECRET,
        ),
    )
    with psycopg.connect(stack.admin_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.execute(f"CREATE DATABASE {DATABASE}")
    stack.ask("PUT", f"{stack.receiver_url}/secrets", json={"secrets": [SECRET]})
    try:
        words = ("-m", "django", "migrate", "--run-syncdb", "--verbosity", "0")
        processes.run("migrate", [sys.executable, *words])
        processes.start("web", f"{WEB} --port {port}")
        processes.start("payouts", f"{WORKER} -n payouts@%h -Q payouts -c {PAYOUT_WORKERS}")
        processes.start("hooks", f"{WORKER} -n hooks@%h -Q webhooks -c {HOOK_WORKERS}")
        await_port(port, processes)
        time.sleep(2.0)  # workers say nothing when they are ready; their start must not be measured
        return _run(stack, processes, port, url, payouts, batch_size)
    finally:
        processes.stop()


def _run(
    stack: Stack, processes: Processes, port: int, url: str, payouts: int, batch_size: int
) -> dict[str, Any]:
    _, bodies = batches(stack, payouts // batch_size, batch_size)
    expected = len(bodies) * batch_size
    stack.ask("POST", f"{stack.receiver_url}/reset")
    roots = {**processes.roots(), "postgres": stack.roots().get("postgres", 0)}
    before = meter.usage(roots)
    load = Load(bodies, clients=CLIENTS)
    posts = asyncio.run(send(f"http://127.0.0.1:{port}", "none", load))
    quiet_since, seen = time.monotonic(), -1
    while True:
        stats = stack.ask("GET", f"{stack.receiver_url}/stats")
        if stats["distinct"] >= expected or time.monotonic() - quiet_since > STALL_S:
            break
        if stats["received"] != seen:
            quiet_since, seen = time.monotonic(), stats["received"]
        processes.require_all()
        time.sleep(0.1)
    after = meter.usage(roots)
    with psycopg.connect(url) as connection:
        settled = [row[0] for row in connection.execute(_TIMES)]
    first_at = min(post.started_at for post in posts)
    wall_s = stats["last_at"] - first_at
    is_right = len(settled) == expected == stats["distinct"] and not stats["invalid"]
    return {
        "payouts": expected,
        "payouts_per_s": round(expected / wall_s, 1) if is_right else None,
        "first_post_to_last_webhook_s": rounded(wall_s),
        "api": latency_ms([post.took_s for post in posts]),
        "submitted_to_settled": spread_s(settled),
        "cpu_s_by_role": meter.cpu_between(before, after),
        "why_null": None
        if is_right
        else f"{len(settled)} settled, {stats['distinct']} webhooks of {expected}",
    }
