"""How fast payouts are screened: 20 rules without watchlists, then with 20,000 listed names.

Runs `bench.screener` against an untouched copy of the schema, so that no worker takes its payouts;
the platform's own processes idle meanwhile.
"""

import json
import sys
from typing import Any

import psycopg

from bench.processes import BenchError
from bench.stack import SCHEMA_COPY, Stack, sibling

DATABASE = "bench_screening"
GOAL_PER_S = 5_000
GOAL_WITH_NAMES_PER_S = 500


def measure(stack: Stack, *, payouts: int, names: int, times: int) -> dict[str, Any]:
    """Return payouts a second of the whole unit, of the judge and of the rules alone, medians of
    `times` runs. Raises BenchError."""
    try:
        with psycopg.connect(stack.admin_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE {SCHEMA_COPY}")
    except psycopg.Error as error:
        raise BenchError(f"the schema cannot be copied: {error}") from error
    words = ["--payouts", str(payouts), "--names", str(names), "--times", str(times)]
    said = stack.processes.run(
        "screener",
        [
            "env",
            f"DATABASE_URL={sibling(stack.database_url, DATABASE)}",
            *(sys.executable, "-m", "bench.screener", *words),
        ],
    )
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    for name, goal in (
        ("without_watchlists", GOAL_PER_S),
        ("with_watchlists", GOAL_WITH_NAMES_PER_S),
    ):
        found[name]["goal_payouts_per_s"] = goal
        stack.say(f"screening {name}: {found[name]['payouts_per_s']} payouts/s")
    return found
