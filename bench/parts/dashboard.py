"""How fast a year of payouts is shown, and what counting them costs.

Timed at the client, one request at a time: a bound from above of the server's own time.
"""

import json
import time
from datetime import UTC, datetime
from typing import Any

from bench import year
from bench.figures import percentile, rounded
from bench.parts.console import get, signed_in
from bench.stack import Stack

TIMES = 50
GOAL_P95_MS = 200
_PAGES = {
    "year_all_partners": "?period=365d",
    "year_one_partner": "?period=365d&partner=pt_year1",
    "month_all_partners": "?period=30d",
    "year_all_partners_part": "part/?period=365d",
}


def measure(stack: Stack, *, payouts: int) -> dict[str, Any]:
    """Store a year of that many payouts, count them, and show them; raises BenchError."""
    started = time.monotonic()
    with stack.connect() as connection:
        year.fill(connection, payouts, until=datetime.now(UTC))
    stack.say(f"stored a year of {payouts} payouts, {time.monotonic() - started:.0f} s")
    counted = json.loads(stack.manage("rebuild_rollups", "--json").strip().splitlines()[-1])
    stack.say(f"counted {counted['payouts']['per_s']} payouts/s from a year of history")
    report: dict[str, Any] = {
        "payouts": payouts,
        "partners": year.PARTNERS,
        "goal_p95_ms": GOAL_P95_MS,
        "rebuild_payouts_per_s": counted["payouts"]["per_s"],
        "rebuild_deliveries_per_s": counted["webhooks"]["per_s"],
    }
    http, base = signed_in(stack), f"{stack.web_url}/console/payouts/payout/dashboard/"
    for name, query in _PAGES.items():
        get(http, base + query)
        took = [get(http, base + query) * 1000 for _ in range(TIMES)]
        p50, p95 = rounded(percentile(took, 0.5), 1), rounded(percentile(took, 0.95), 1)
        report[name] = {"p50_ms": p50, "p95_ms": p95}
        stack.say(f"dashboard {name}: p50 {p50} ms, p95 {p95} ms")
    return report
