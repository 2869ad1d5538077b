"""How the dashboard says durations, shares and states."""

from payouts.machine import State

# A partner's statuses, in the order of a payout's life, with the machine's states they stand for.
STATUSES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("queued", "Queued", (State.SCREENING, State.QUEUED)),
    ("in_review", "In review", (State.IN_REVIEW,)),
    ("processing", "Processing", (State.SENDING, State.SENT)),
    ("settled", "Settled", (State.SETTLED,)),
    ("failed", "Failed", (State.FAILED,)),
    ("canceled", "Canceled", (State.CANCELED,)),
    ("returned", "Returned", (State.RETURNED,)),
)
STATUS_OF = {state: status for status, _, states in STATUSES for state in states}
PARTS = {
    "screening": ("Screening", "from its submission to the verdict of the rules"),
    "review": ("Review", "held for an officer"),
    "queue": ("Queue", "cleared, until it was sent"),
    "bank": ("Bank", "from sending to the bank's final word"),
}
NOTHING = "—"


def duration(ms: int | None) -> str:
    """Return a duration with two figures' worth of detail: `340 ms`, `3.2 s`, `4 min 10 s`."""
    if ms is None:
        return NOTHING
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms / 1_000:.1f} s"
    seconds = ms // 1_000
    for size, unit, small, small_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // small} {small_unit}"
    return f"{seconds // 60} min {seconds % 60} s"


def percent(share: float | None) -> str:
    """Return `98.4 %`; a share that is not quite all, or not quite nothing, is never rounded to
    it.
    """
    if share is None:
        return NOTHING
    shown = round(share * 100, 1)
    if shown >= 100 and share < 1:
        shown = 99.9
    if shown <= 0 and share > 0:
        shown = 0.1
    return f"{shown:.1f} %"
