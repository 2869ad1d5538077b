"""What states and stages mean to a partner, in public words.

Never a compliance word: a partner learns that a person looks at a payout, not why.
"""

from dataclasses import dataclass

from payouts.machine import Stage, State


@dataclass(frozen=True, slots=True)
class Step:
    """One (state, stage) in public words; `has_due` says whether `due_at` is shown."""

    status: str
    stage: str
    waiting_on: str | None
    next_step: str | None
    has_due: bool = False


_SENDING = "The transfer is on its way to the bank, which answers within seconds."
_ASKED = (
    "The bank did not answer in time. It is being asked what became of the transfer; "
    "nothing is sent twice."
)
_PERSON = (
    "The bank has not confirmed the outcome. A person is clearing it up with the bank; "
    "the funds stay reserved."
)
_BANK = "The bank has the transfer and will confirm it."

STEPS: dict[tuple[str, str], Step] = {
    (State.SCREENING, Stage.SCREENING): Step(
        "queued", "screening", "platform", "The routine checks run, then it is sent."
    ),
    (State.IN_REVIEW, Stage.REVIEW): Step(
        "in_review", "review", "reviewer", "A reviewer looks at it and lets it go or refuses it."
    ),
    (State.QUEUED, Stage.READY): Step(
        "queued", "ready", "platform", "It is sent to the bank next."
    ),
    (State.QUEUED, Stage.SCHEDULED): Step(
        "queued", "scheduled", "platform", "It is sent when its execution time comes.", has_due=True
    ),
    (State.QUEUED, Stage.RETRY): Step(
        "queued",
        "retry",
        "platform",
        "The bank refused it for now. It is sent again at the due time.",
        has_due=True,
    ),
    (State.QUEUED, Stage.RAIL_PAUSED): Step(
        "queued",
        "rail_paused",
        "platform",
        "The rail is paused. It is sent when the rail runs again.",
    ),
    (State.SENDING, Stage.SENDING): Step("processing", "sending", "bank", _SENDING),
    (State.SENDING, Stage.INQUIRY): Step(
        "processing", "outcome_unknown", "bank", _ASKED, has_due=True
    ),
    (State.SENDING, Stage.OUTCOME_UNKNOWN): Step(
        "processing", "outcome_unknown", "platform", _PERSON, has_due=True
    ),
    (State.SENT, Stage.SENT): Step("processing", "sent", "bank", _BANK, has_due=True),
    (State.SENT, Stage.MONEY_MOVED): Step(
        "processing",
        "sent",
        "bank",
        "The money has left and waits to be credited to the recipient.",
        has_due=True,
    ),
    # A block at the beneficiary's bank may be a compliance matter there: outside it is a bank that
    # takes its time.
    (State.SENT, Stage.BLOCKED): Step(
        "processing",
        "sent",
        "bank",
        "The bank has the transfer and needs longer than usual to confirm it.",
    ),
    (State.SENT, Stage.INQUIRY): Step("processing", "sent", "bank", _BANK, has_due=True),
    (State.SENT, Stage.OUTCOME_UNKNOWN): Step(
        "processing", "outcome_unknown", "platform", _PERSON, has_due=True
    ),
    (State.SETTLED, Stage.DONE): Step("settled", "done", None, None),
    (State.FAILED, Stage.DONE): Step("failed", "done", None, None),
    (State.CANCELED, Stage.DONE): Step("canceled", "done", None, None),
    (State.RETURNED, Stage.DONE): Step("returned", "done", None, None),
}

# Public status -> machine states: filters and counters of the API.
STATES_OF_STATUS: dict[str, tuple[str, ...]] = {
    "queued": (State.SCREENING.value, State.QUEUED.value),
    "in_review": (State.IN_REVIEW.value,),
    "processing": (State.SENDING.value, State.SENT.value),
    "settled": (State.SETTLED.value,),
    "failed": (State.FAILED.value,),
    "canceled": (State.CANCELED.value,),
    "returned": (State.RETURNED.value,),
}
STATUS_OF_STATE: dict[str, str] = {
    state: status for status, states in STATES_OF_STATUS.items() for state in states
}
CANCELABLE_STATES: frozenset[str] = frozenset(
    {State.SCREENING.value, State.IN_REVIEW.value, State.QUEUED.value}
)


def step(state: str, stage: str) -> Step:
    """Return the public words of a state and stage; an unlisted pair has its state's first."""
    known = STEPS.get((state, stage))
    if known is None:
        known = next(words for (at_state, _), words in STEPS.items() if at_state == state)
    return known
