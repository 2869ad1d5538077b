"""Following a demo's payouts to their ends; the bank's clock is moved forward for the long ones."""

import time
from collections.abc import Mapping, Sequence, Set
from typing import Any

import requests

from atlaspay.run import table, verdict
from atlaspay.run.errors import RunError
from atlaspay.run.expect import DAY_S, Expected, expected_end
from atlaspay.run.session import Session

ENDS_PATIENCE_S = 70.0
WEBHOOKS_PATIENCE_S = 20.0
POLL_S = 0.5
MARGIN_S = 60
# What falls due in one jump is to be seen before the next.
JUMP_PAUSE_S = 3.0


def follow_to_the_end(
    running: Session,
    rows: Sequence[Mapping[str, str]],
    batches: Sequence[Mapping[str, Any]],
    began: float,
) -> list[dict[str, Any]]:
    """Return all payouts as they ended.

    Gives up waiting, not judging, when the patience is over. `began`: monotonic seconds.
    """
    partner = running.partner()
    wanted = {row["reference"]: expected_end(dict(row)) for row in rows}
    longest_s = max(end.needs_seconds for end in wanted.values())
    longest_s += MARGIN_S if longest_s else 0
    advanced_s = 0
    settled_down_at = 0.0
    last = ""
    while True:
        running.watch()
        payouts = [payout for batch in batches for payout in partner.payouts(batch["id"])]
        shown = [partner.batch(batch["id"]) for batch in batches]
        line = table.plain_line(shown, running.webhook_stats())
        if line != last:
            running.say(f"{time.monotonic() - began:5.1f} s  {line}")
        last = line
        open_ = [
            wanted[payout["reference"]]
            for payout in payouts
            if not _has_ended(payout, wanted[payout["reference"]])
        ]
        is_quiet = time.monotonic() > settled_down_at
        if not open_ and advanced_s >= longest_s and is_quiet:
            break
        if time.monotonic() - began > ENDS_PATIENCE_S:
            break
        # Once all have ended the last day is played too: the second return of a pair comes then.
        needed_s = _next_jump(open_, advanced_s) if open_ else longest_s
        if needed_s > advanced_s and is_quiet:
            _advance(running, needed_s - advanced_s)
            advanced_s = needed_s
            settled_down_at = time.monotonic() + JUMP_PAUSE_S
        time.sleep(POLL_S)
    return payouts


def _has_ended(payout: Mapping[str, Any], wanted: Expected) -> bool:
    return verdict.describe(payout, wanted) == verdict.describe_expected(wanted)


def _next_jump(open_: Sequence[Expected], advanced_s: int) -> int:
    """Return how far from the start the bank's clock should be, once only that is waited for."""
    needs = sorted({wanted.needs_seconds for wanted in open_})
    if needs[0] == 0:
        return 0
    later = [need for need in needs if need + MARGIN_S > advanced_s]
    return later[0] + MARGIN_S if later else 0


def _advance(running: Session, seconds: int) -> None:
    days = f" ({seconds / DAY_S:.1f} days)" if seconds > DAY_S else ""
    running.say(f"advancing the bank's clock by {seconds} s{days}")
    try:
        running.bank().post("/_sim/clock/advance", json={"seconds": seconds}).raise_for_status()
    except requests.RequestException as error:
        raise RunError(f"the sandbox bank's clock cannot be advanced: {error}") from error


def await_webhooks(running: Session, earlier: Set[str]) -> dict[str, Any]:
    """Wait until all events but the `earlier` ones (ids) were received, and judge them."""
    partner, receiver = running.partner(), running.receiver()
    deadline = time.monotonic() + WEBHOOKS_PATIENCE_S
    while True:
        running.watch()
        events = [event for event in partner.events() if event["id"] not in earlier]
        received = receiver.get("/events", params={"limit": "100000"}).json()["events"]
        judged = verdict.judge_webhooks(events, received, running.webhook_stats())
        if judged["ok"] or judged["invalid"] or time.monotonic() > deadline:
            return judged
        time.sleep(POLL_S)
