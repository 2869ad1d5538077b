"""Is the platform up, is it ready, and how much waits: /healthz, /readyz, /metrics.

Counts are raw SQL over known tables, each on a partial index: a scrape must stay cheap with
millions of payouts stored.
"""

import hmac
import logging
import time
from collections.abc import Callable, Iterator

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from atlaspay.core.peer import client_address
from atlaspay.core.redis import client
from payouts.selectors.backlog import QUEUES, oldest_due_s
from payouts.services import banking

log = logging.getLogger(__name__)

WAITING_STATES = ("screening", "in_review", "queued", "sending", "sent")

_schema_is_current = False


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; looks at nothing else."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the platform can take and move payouts: 200, or 503 with what is wrong."""
    checks: dict[str, Callable[[], dict[str, object]]] = {
        "database": _database,
        "redis": _redis,
        "migrations": _migrations,
        "backlog": _backlog,
    }
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check()
        except DatabaseError as error:
            # The message names hosts and users, so it is for the log and not for whoever asks.
            log.warning("readyz.database", extra={"check": name, "error": _first_line(error)})
            found[name] = {"ok": False, "detail": f"database: {type(error).__name__}"}
        except redis.RedisError as error:
            found[name] = {"ok": False, "detail": f"redis: {type(error).__name__}"}
    ready = all(check["ok"] for check in found.values())
    return JsonResponse(
        {"status": "ready" if ready else "not_ready", "checks": found}, status=200 if ready else 503
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Return Prometheus text. With ATLASPAY_METRICS_TOKEN: Bearer token; without: loopback only."""
    token = settings.ATLASPAY_METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(given.encode(), token.encode()):
            return HttpResponse(
                "A bearer token is needed.\n",
                status=401,
                content_type="text/plain",
                headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
            )
    else:
        address = client_address(request)
        if address is None or not address.is_loopback:
            return HttpResponse(
                "Set ATLASPAY_METRICS_TOKEN to read this from elsewhere.\n",
                status=403,
                content_type="text/plain",
            )
    registry = CollectorRegistry()
    registry.register(_Collector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Collector:
    """Gauges read at scrape time; a broken part shows as atlaspay_up 0 and not as an error page."""

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("atlaspay_up", "Whether a server answers", labels=["server"])
        started = time.perf_counter()
        try:
            yield from _database_gauges()
            up.add_metric(["database"], 1)
        except DatabaseError:
            up.add_metric(["database"], 0)
        try:
            client().ping()
            up.add_metric(["redis"], 1)
        except redis.RedisError:
            up.add_metric(["redis"], 0)
        yield up
        yield from _rail_gauges()
        yield GaugeMetricFamily(
            "atlaspay_scrape_seconds",
            "What this scrape took",
            value=time.perf_counter() - started,
        )


def _database_gauges() -> Iterator[Metric]:
    states = GaugeMetricFamily(
        "atlaspay_payouts_waiting", "Payouts in a state that is not final", labels=["state"]
    )
    # One statement a state, so that each uses its own partial index; final states would scan the
    # whole table.
    counts = " UNION ALL ".join(
        f"SELECT '{state}', count(*) FROM payouts_payout WHERE state = '{state}'"  # noqa: S608 - constants above
        for state in WAITING_STATES
    )
    with connection.cursor() as cursor:
        cursor.execute(counts)
        for state, count in cursor.fetchall():
            states.add_metric([state], count)
        cursor.execute(
            "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'payouts_payout'::regclass"
        )
        stored = float(cursor.fetchone()[0])
        cursor.execute(
            "SELECT state, count(*) FROM webhooks_delivery WHERE state = 'pending' GROUP BY state"
        )
        pending = sum(count for _, count in cursor.fetchall())
    yield states
    yield GaugeMetricFamily(
        "atlaspay_payouts_stored", "Payouts stored, as the planner estimates", value=stored
    )
    yield GaugeMetricFamily("atlaspay_webhooks_pending", "Deliveries not done yet", value=pending)
    ages = GaugeMetricFamily(
        "atlaspay_oldest_due_seconds", "Age of the oldest due row", labels=["queue"]
    )
    for name, age in oldest_due_s().items():
        ages.add_metric([name], age)
    yield ages


def _rail_gauges() -> Iterator[Metric]:
    """What the throttle has learned of each bank connection; without Redis its local fallback."""
    rate, in_flight, paused, taken, limited, closed = (
        GaugeMetricFamily(f"atlaspay_rail_{name}", text, labels=["rails"])
        for name, text in (
            ("rate_per_second", "Calls a second the throttle lets go now"),
            ("in_flight", "Calls that are open now"),
            ("pause_seconds", "Seconds until the bank may be called again"),
            ("calls", "Calls granted so far"),
            ("limited", "Times the bank answered 429 so far"),
            ("breaker_closed", "1 while the circuit breaker lets calls through"),
        )
    )
    for throttle, names in banking.lanes("submit"):
        seen, label = throttle.snapshot(), ["+".join(names)]
        rate.add_metric(label, seen.rate)
        in_flight.add_metric(label, seen.in_flight)
        paused.add_metric(label, seen.paused_s)
        taken.add_metric(label, seen.taken_total)
        limited.add_metric(label, seen.limited_total)
        closed.add_metric(label, 1 if seen.breaker == "closed" else 0)
    yield from (rate, in_flight, paused, taken, limited, closed)


def _database() -> dict[str, object]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        replica = cursor.fetchone()[0]
    return {"ok": False, "detail": "a read-only replica"} if replica else {"ok": True}


def _redis() -> dict[str, object]:
    client().ping()
    return {"ok": True}


def _migrations() -> dict[str, object]:
    # The code of a process does not change, so a yes stays a yes.
    global _schema_is_current
    if not _schema_is_current:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            names = [f"{migration.app_label}.{migration.name}" for migration, _ in missing]
            return {"ok": False, "detail": "run manage.py migrate", "unapplied": names}
        _schema_is_current = True
    return {"ok": True}


def _backlog() -> dict[str, object]:
    ages = oldest_due_s()
    late = [q.name for q in QUEUES if ages[q.name] > q.alarm_after_s]
    made: dict[str, object] = {"ok": not late, "oldest_due_s": ages}
    if late:
        made["detail"] = f"overdue: {', '.join(late)}; are its workers running?"
    return made


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
