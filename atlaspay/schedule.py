"""Beat: what runs by itself, and how often. Every entry is idempotent; a lost tick is made good by
the next.
"""

from typing import Any


def _every(seconds: float, task: str, queue: str) -> dict[str, Any]:
    # A tick nobody picked up before the next one is due is worth nothing.
    return {
        "task": task,
        "schedule": seconds,
        "options": {"queue": queue, "expires": max(seconds, 2.0)},
    }


BEAT_SCHEDULE = {
    "take-in": _every(1, "payouts.take_in", "intake"),
    "screen": _every(1, "compliance.screen", "screening"),
    "dispatch": _every(1, "payouts.dispatch", "dispatch"),
    "resolve-unknown": _every(1, "payouts.resolve_unknown", "inquiry"),
    "process-callbacks": _every(1, "payouts.process_callbacks", "settlement"),
    "sweep": _every(1, "payouts.sweep", "settlement"),
    "approve": _every(30, "compliance.approve", "screening"),
    "rescreen": _every(10, "compliance.rescreen", "default"),
    "reconcile": _every(300, "payouts.reconcile", "default"),
    "backtest": _every(5, "compliance.backtest", "default"),
    "verify-audit": _every(5, "compliance.verify_audit", "default"),
    "anchor-audit": _every(300, "compliance.anchor", "default"),
    "alarms": _every(30, "payouts.alarms", "settlement"),
    "compliance-alarms": _every(60, "compliance.alarms", "settlement"),
    "poll-sent": _every(5, "payouts.poll_sent", "inquiry"),
    "deliver-webhooks": _every(1, "webhooks.deliver", "webhooks"),
    "check-endpoints": _every(2, "webhooks.check", "chores"),
    "send-mail": _every(5, "webhooks.send_mail", "chores"),
    "roll-up-payouts": _every(15, "payouts.roll_up", "chores"),
    "roll-up-webhooks": _every(15, "webhooks.roll_up", "chores"),
    "prune-rollups": _every(3600, "payouts.prune_rollups", "chores"),
    "tidy-portal": _every(600, "portal.tidy", "chores"),
    "prune": _every(3600, "webhooks.prune", "chores"),
}
