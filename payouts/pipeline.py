"""The assembly line: which task, by name, goes on with payouts that reached a state.

Names, not imports: payouts must not know compliance. A test checks that each name is registered
with Celery.
"""

from payouts.machine import State

WAKE: dict[State, str] = {
    State.SCREENING: "compliance.screen",
    State.QUEUED: "payouts.dispatch",
}
TAKE_IN = "payouts.take_in"
PROCESS_CALLBACKS = "payouts.process_callbacks"
RESOLVE_UNKNOWN = "payouts.resolve_unknown"
