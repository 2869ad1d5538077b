"""Screen stored payouts in this process and print the figures as one JSON line.

Works on a database without workers (`DATABASE_URL`), so that nobody else takes the payouts.
Figures: payouts a second of the whole unit (claim, facts, judgement, run, state, history, commit),
of the judge alone, of the compiled rules alone; and the CPU of this process and of its session.
"""

import argparse
import json
import os
import random
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "atlaspay.settings")
django.setup()

import psycopg  # noqa: E402 - needs the settings
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from atlaspay.core import collector, context  # noqa: E402
from bench.limit import measure, rows  # noqa: E402
from bench.payloads import Payloads  # noqa: E402
from compliance.models import (  # noqa: E402
    Policy,
    PolicyStep,
    ScreeningRun,
    Watchlist,
    WatchlistEntry,
    WatchlistParty,
)
from compliance.rules.policy import compile_document  # noqa: E402
from compliance.screening import flows, live  # noqa: E402
from compliance.screening.gather import gather  # noqa: E402
from compliance.services import screen  # noqa: E402
from payouts.models import Payout  # noqa: E402
from payouts.services import decisions  # noqa: E402

CHUNK = 1_000
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def asks(fact: str, op: str, value: object, **more: object) -> dict[str, Any]:
    """Return one condition of a policy."""
    return {"fact": fact, **more, "op": op, "value": value}


TWENTY = [
    asks("amount", "at_least", {"default": "10000", "JPY": "1600000", "HUF": "4000000"}),
    asks("amount", "above", "5000"),
    asks("recipient_country", "in", ["CU", "IR", "KP", "RU", "SY"]),
    asks("account_abroad", "is", True),
    asks("account_count", "above", 25, window="24h"),
    asks("account_sum", "above", "50000", window="24h"),
    asks("account_sum", "above", "200000", window="30d"),
    asks("recipient_count", "above", 20, window="24h"),
    asks("recipient_sum", "above", "50000", window="7d"),
    asks("partner_count", "above", 10_000_000, window="24h"),
    asks("partner_sum", "above", "900000000000", window="7d"),
    {"all": [asks("has_twin", "is", True, window="24h"), asks("amount", "above", "500")]},
    {
        "all": [
            asks("destination_changed", "is", True, window="24h"),
            asks("amount", "above", "1000"),
        ]
    },
    {
        "all": [
            asks("first_to_account", "is", True),
            asks("partner_age", "below", 30),
            asks("amount", "above", "5000"),
        ]
    },
    {"all": [asks("recipient_age", "is", 0), asks("amount", "above", "8000")]},
    {"not": asks("currency", "in", ["EUR", "USD", "GBP"])},
    asks("corridor", "in", ["NL-RU", "NL-IR"]),
    asks("rail", "is", "fednow"),
    asks("recipient_name", "in", ["Nobody Atall", "Somebody Else"]),
    {
        "any": [
            asks("account_type", "is_not", "iban"),
            {"all": [asks("account_country", "is_not", "NL"), asks("amount", "above", "100")]},
        ]
    },
]
LISTED = asks("name_similarity", "at_least", 95)


def policy(*conditions: dict[str, Any]) -> dict[str, Any]:
    """Return a document of one rule a condition."""
    return {
        "format": 2,
        "rules": [
            {
                "code": f"rule_{number}",
                "title": f"Rule {number}",
                "class": "sanctions" if when is LISTED else "other",
                "weight": 10,
                "when": when,
            }
            for number, when in enumerate(conditions)
        ],
        "thresholds": {"review_score": 10, "review_minutes": 30},
    }


def main() -> None:
    """Screen `--payouts` payouts per policy, `--times` times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payouts", type=int, default=10_000)
    parser.add_argument("--names", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    collector.calm()  # as every worker does
    supply = Payloads(seed=time.time_ns())
    with context.bind(actor="system:bench"), connect() as own:
        for statement in rows.SETUP:
            own.execute(statement, measure.OWNER.values())
        list_names(0)
        publish(policy(*TWENTY))
        without = [measured(own, supply, options.payouts) for _ in range(options.times)]
        list_names(options.names)
        publish(policy(*TWENTY, LISTED))
        started = time.perf_counter()
        live.lists()
        indexed_s = time.perf_counter() - started
        named = [measured(own, supply, options.payouts) for _ in range(options.times)]
    report = {
        "rules": len(TWENTY),
        "chunk": CHUNK,
        "without_watchlists": medians(without),
        "with_watchlists": {
            "names": options.names,
            "index_s": round(indexed_s, 2),
            **medians(named),
        },
    }
    print(json.dumps(report))


def connect() -> psycopg.Connection[tuple[Any, ...]]:
    """Return a connection of our own beside Django's, in autocommit."""
    named = settings.DATABASES["default"]
    words = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    found = {word: named[key] for word, key in words.items() if named.get(key)}
    return psycopg.connect(dbname=named["NAME"], autocommit=True, **found)


def publish(document: dict[str, Any]) -> None:
    """Let this policy be the live one."""
    number = Policy.objects.order_by("-number").values_list("number", flat=True)[0] + 1
    made = Policy.objects.create(
        number=number, title="Benchmark", document=document, author="system:bench"
    )
    PolicyStep.objects.create(policy=made, kind=PolicyStep.Kind.PUBLISHED, actor="system:bench")


def list_names(count: int) -> None:
    """Let the watchlists hold that many invented names."""
    Watchlist.objects.update(is_active=False)
    if not count:
        return
    listed = Watchlist.objects.create(
        code="bench", title="Benchmark", published_on=datetime.now(UTC).date()
    )
    supply = Payloads(seed=7)
    chosen = random.Random(7)
    parties = WatchlistParty.objects.bulk_create(
        WatchlistParty(
            watchlist=listed,
            subject=f"B-{number}",
            kind=chosen.choice(["person", "organisation"]),
        )
        for number in range(count)
    )
    WatchlistEntry.objects.bulk_create(
        WatchlistEntry(party=party, name=f"{supply.name()} {supply.name()}") for party in parties
    )


def measured(
    own: psycopg.Connection[tuple[Any, ...]], supply: Payloads, payouts: int
) -> dict[str, float]:
    """Take in that many payouts and screen them; return the figures of this run."""
    for _ in range(payouts // CHUNK):
        measure.intake(own, rows.chunk(supply, CHUNK, measure.OWNER))
    own.execute("ANALYZE payouts_payout")
    own.execute("ANALYZE compliance_recipientseen")
    judged_s = 0.0

    def judge(found: Any, **more: Any) -> Any:
        nonlocal judged_s
        started = time.perf_counter()
        verdicts = screen.judge(found, **more)
        judged_s += time.perf_counter() - started
        return verdicts

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
    last = ScreeningRun.objects.order_by("-id").values_list("id", flat=True).first() or ""
    cpu = time.process_time(), database_cpu_s(backend)
    started = time.perf_counter()
    done = 0
    while found := _screen(judge):
        done += found
    took_s = time.perf_counter() - started
    used = time.process_time() - cpu[0], database_cpu_s(backend) - cpu[1]
    sample = list(Payout.objects.filter(screening_runs__id__gt=last).order_by("-id")[:CHUNK])
    return {
        "payouts_per_s": done / took_s,
        "judge_payouts_per_s": done / judged_s,
        "rules_payouts_per_s": rules_alone(sample),
        "python_cpu_us": used[0] / done * 1e6,
        "database_cpu_us": used[1] / done * 1e6,
    }


def _screen(judge: decisions.Judge) -> int:
    """Screen one chunk as `screen_chunk` does, with a judge that is timed."""
    flows.keep_up()
    return decisions.screen_waiting(judge, limit=CHUNK)


def rules_alone(payouts: list[Payout]) -> float:
    """Return payouts a second of the compiled rules, over gathered facts."""
    compiled = live.live_policy()
    facts = gather(payouts, compiled.needs, live.lists().matcher)
    compile_document(Policy.objects.get(number=compiled.number).document)
    started = time.perf_counter()
    for _ in range(10):
        for each in facts:
            compiled.assess(each)
    return 10 * len(facts) / (time.perf_counter() - started)


def database_cpu_s(backend: int) -> float:
    """Return the CPU seconds of a session's server process so far; Linux only, else 0."""
    stat = Path(f"/proc/{backend}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return each figure's median."""
    return {name: round(statistics.median(run[name] for run in runs), 1) for name in runs[0]}


if __name__ == "__main__":
    main()
