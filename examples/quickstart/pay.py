"""Pay a batch and follow it to its end, whatever the network does. Standard library only.

ATLASPAY=http://… KEY=ap_test_… python3 pay.py BATCH.json REFERENCE
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

BASE, KEY = os.environ["ATLASPAY"], os.environ["KEY"]


def call(method: str, path: str, body: dict | None = None, **headers: str) -> dict:
    """Ask until there is an answer: safe for reading, and for writing with an Idempotency-Key."""
    data = None if body is None else json.dumps(body).encode()
    headers |= {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    for wait_s in (1, 2, 4, 8, 16, 32):
        request = urllib.request.Request(BASE + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            problem = json.loads(refusal.read() or b"{}")
            is_busy = problem.get("code") == "idempotency_in_progress"
            if refusal.code not in (429, 502, 503, 504) and not is_busy:
                sys.exit(f"{refusal.code} {problem.get('code')}: {problem.get('detail')}")
            wait_s = int(refusal.headers.get("Retry-After") or wait_s)
        except OSError as fault:  # no answer: it may have been taken in, so the same key again
            print(f"{fault}; again in {wait_s} s", file=sys.stderr)
        time.sleep(wait_s)
    sys.exit("no answer; run me again, nothing is paid twice")


def events(after: str = ""):
    """Yield every event from the first on, and wait for more. Keep the last id you have done."""
    while True:
        page = call("GET", "/v1/events?limit=500" + (f"&after={after}" if after else ""))
        yield from page["data"]
        after = page["next_after"] or after
        if not page["has_more"]:
            time.sleep(0.5)


if __name__ == "__main__":
    wanted = json.loads(Path(sys.argv[1]).read_text()) | {"reference": sys.argv[2]}
    # A key that is yours and lasting: a second run of this program sends the same one.
    batch = call("POST", "/v1/batches", wanted, **{"Idempotency-Key": wanted["reference"]})
    print("accepted", batch["accepted_count"], "rejected", batch["rejected_count"])
    for event in events():
        payout, ended = event["data"].get("payout", {}), event["data"].get("batch", {})
        if payout.get("batch_id") == batch["id"]:
            print(event["type"], payout["reference"])
        if event["type"] == "batch.completed" and ended["id"] == batch["id"]:
            print(ended["status"])
            break
