"""How fast the console answers an officer, with a million payouts stored and 20,000 flagged.

Timed at the client, one request at a time: a bound from above of the server's own time.
"""

import json
import random
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import requests

from bench.figures import percentile, rounded
from bench.processes import BenchError
from bench.stack import Stack

TIMES = 100
GOAL_P95_MS = 200
# The views and filters officers use; a name that nobody has reads the most.
_VIEWS = {
    "late": "view=late",
    "by_reason": "why=watchlist",
    "by_amount": "low=10,000&currency=EUR",
    "by_name": "q=nobody+has+this+name",
    "decided": "view=decided",
}
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_OPEN = "SELECT id, payout_id FROM compliance_case WHERE state = 'open' ORDER BY random() LIMIT %s"
_SEARCHED = """
SELECT p.id, p.reference, a.end_to_end_id FROM payouts_payout p TABLESAMPLE SYSTEM (0.1)
  JOIN payouts_attempt a ON a.payout_id = p.id LIMIT %s
"""


def measure(stack: Stack, *, payouts: int, flagged: int, times: int = TIMES) -> dict[str, Any]:
    """Return p50 and p95 per page; raises BenchError for a page that is refused."""
    http = signed_in(stack)
    with stack.connect() as connection:
        cases = connection.execute(_OPEN, [times]).fetchall()
        searched = connection.execute(_SEARCHED, [times]).fetchall()
    base = f"{stack.web_url}/console"
    case_url = f"{base}/compliance/case"
    found_url = f"{base}/payouts/payout/"
    steps: dict[str, list[Callable[[], float]]] = {
        "home": [lambda: get(http, f"{base}/")] * times,
        "queue": [lambda: get(http, f"{case_url}/")] * times,
        **{
            f"queue_{name}": [lambda query=query: get(http, f"{case_url}/?{query}")] * times
            for name, query in _VIEWS.items()
        },
        "case_page": [lambda one=one: get(http, f"{case_url}/{one[0]}/change/") for one in cases],
        "presence": [lambda one=one: _present(http, case_url, one[0]) for one in cases],
        "bulk_preview_50": [lambda: _preview(http, case_url)] * (times // 5),
        "decision": [lambda one=one: _decide(http, case_url, one[0]) for one in cases],
        "search_by_id": [lambda one=one: get(http, found_url, one[0]) for one in searched],
        "search_by_reference": [lambda one=one: get(http, found_url, one[1]) for one in searched],
        "search_by_bank_id": [lambda one=one: get(http, found_url, one[2]) for one in searched],
        "payout_page": [
            lambda one=one: get(http, f"{found_url}{one[0]}/change/") for one in searched
        ],
    }
    report: dict[str, Any] = {
        "payouts_stored": payouts,
        "flagged": flagged,
        "goal_p95_ms": GOAL_P95_MS,
    }
    for name, calls in steps.items():
        took = [call() * 1000 for call in random.sample(calls, len(calls))]
        p50, p95 = rounded(percentile(took, 0.5), 1), rounded(percentile(took, 0.95), 1)
        report[name] = {"p50_ms": p50, "p95_ms": p95}
        stack.say(f"console {name}: p50 {p50} ms, p95 {p95} ms")
    return report


def signed_in(stack: Stack) -> requests.Session:
    """Return an officer's browser."""
    words = [sys.executable, "-m", "bench.officer"]
    made = json.loads(stack.processes.run("officer", words).strip().splitlines()[-1])
    http = requests.Session()
    http.trust_env = False
    http.cookies.set(made["cookie"], made["value"])
    return http


def get(http: requests.Session, url: str, term: str = "") -> float:
    """Return the seconds a page took; raises BenchError for one that is refused."""
    started = time.perf_counter()
    answer = http.get(url, params={"q": term} if term else None, allow_redirects=False, timeout=60)
    took_s = time.perf_counter() - started
    if answer.status_code != 200:
        raise BenchError(f"{url} was answered {answer.status_code}")
    return took_s


def _decide(http: requests.Session, case_url: str, case_id: str) -> float:
    page = http.get(f"{case_url}/{case_id}/change/", timeout=60)
    token = _TOKEN.search(page.text)
    seen = re.search(r'name="seen" value="([^"]+)"', page.text)
    if token is None or seen is None:
        raise BenchError(f"the page of {case_id} has no decision form")
    form = {
        "csrfmiddlewaretoken": token[1],
        "kind": "reject",
        "reason_code": "unexplained",
        "internal_text": "Benchmark: nobody could say what this payment is for.",
        "partner_text": "",
        "seen": seen[1],
    }
    started = time.perf_counter()
    answer = http.post(
        f"{case_url}/{case_id}/decide/", data=form, allow_redirects=False, timeout=60
    )
    took_s = time.perf_counter() - started
    if answer.status_code != 302:
        raise BenchError(f"the decision on {case_id} was answered {answer.status_code}")
    return took_s


def _present(http: requests.Session, case_url: str, case_id: str) -> float:
    """Time what an open page sends every half minute."""
    form = {"csrfmiddlewaretoken": http.cookies["csrftoken"], "first": "1"}
    started = time.perf_counter()
    answer = http.post(f"{case_url}/{case_id}/presence/", data=form, timeout=60)
    took_s = time.perf_counter() - started
    if answer.status_code != 200:
        raise BenchError(f"the presence on {case_id} was answered {answer.status_code}")
    return took_s


def _preview(http: requests.Session, case_url: str) -> float:
    """Time the look over a whole page of the queue before a bulk decision."""
    page = http.get(f"{case_url}/?why=amount_over_limit", timeout=60)
    form = {
        "csrfmiddlewaretoken": http.cookies["csrftoken"],
        "kind": "approve",
        "seen": re.findall(r'name="seen" value="([^"]+)"', page.text),
    }
    started = time.perf_counter()
    answer = http.post(f"{case_url}/bulk/", data=form, timeout=60)
    took_s = time.perf_counter() - started
    if answer.status_code != 200:
        raise BenchError(f"the bulk preview was answered {answer.status_code}")
    return took_s
