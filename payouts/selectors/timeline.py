"""What happened to a payout, told from its history in words a partner may read.

Never the history's own reason: it may name a rule or a list. Steps that look the same from outside
(a lease, an inquiry, another look by an officer) are one entry.
"""

from typing import Any

from payouts.machine import State
from payouts.models import Payout
from payouts.representation import instant
from payouts.wording import Step, step

_SAID: dict[tuple[str, str], str] = {
    ("queued", "screening"): "Submitted; its funds are reserved.",
    ("in_review", "review"): "Held for a reviewer.",
    ("queued", "ready"): "Cleared to be sent.",
    ("queued", "scheduled"): "Cleared; waits for its execution time.",
    ("queued", "retry"): "The bank refused it for now; it will be sent again.",
    ("queued", "rail_paused"): "Waits because the rail is paused.",
    ("processing", "sending"): "Sent to the bank.",
    ("processing", "outcome_unknown"): "The bank did not confirm the outcome; it is being asked.",
    ("processing", "sent"): "Accepted by the bank.",
    ("settled", "done"): "Settled.",
    ("failed", "done"): "Failed; the funds are available again.",
    ("canceled", "done"): "Canceled before it was sent; the funds are available again.",
    ("returned", "done"): "Sent back by the recipient's bank; the funds are available again.",
}


def timeline_of(payout: Payout) -> list[dict[str, Any]]:
    """Return `{at, status, stage, actor, detail}` for each step, oldest first."""
    rows = payout.history.order_by("history_id").values_list(
        "history_date", "state", "stage", "actor"
    )
    made: list[dict[str, Any]] = []
    before: Step | None = None
    from_state = ""
    for at, state, stage, actor in rows:
        words = step(state, stage)
        if before is None or (words.status, words.stage) != (before.status, before.stage):
            made.append(
                {
                    "at": instant(at),
                    "status": words.status,
                    "stage": words.stage,
                    "actor": _actor(actor, from_state, state),
                    "detail": _SAID.get((words.status, words.stage), ""),
                }
            )
        before, from_state = words, state
    return made


def _actor(actor: str, from_state: str, state: str) -> str:
    """Return who moved it, by kind: partner, reviewer, bank or platform."""
    if from_state == State.IN_REVIEW and state in (State.QUEUED, State.FAILED):
        return "reviewer"
    if actor.startswith(("key:", "member:")):
        return "partner"
    if from_state in (State.SENDING, State.SENT, State.SETTLED) and state != from_state:
        return "bank"
    return "platform"
