"""What the last two digits of a creditor's account number make the bank do.

The table is the public contract of the sandbox (docs/sandbox-bank.md); a plan is shared by all
transfers that follow it and is found again by its name when a journal is replayed.
"""

import msgspec

SECOND_MS = 1_000
DAY_MS = 86_400_000
AM14_LIMIT_MINOR = 10_000


class PlannedReturn(msgspec.Struct, frozen=True):
    """`share` (parts of a whole) of the amount comes back `after_ms` after settlement."""

    after_ms: int
    share: tuple[int, int]
    reason_code: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The course of a transfer: its first status, what follows by itself, and how it is told.

    answer: normal | hang (accepted, no answer) | gateway_timeout (accepted, 504) |
    reset (connection reset, nothing stored).
    callbacks: normal | never | scrambled (three messages, out of order).
    """

    name: str
    status: str = "settled"
    reason_code: str | None = None
    then: str | None = None
    then_after_ms: int = 0
    then_reason_code: str | None = None
    answer: str = "normal"
    callbacks: str = "normal"
    returns: tuple[PlannedReturn, ...] = ()
    statement_lag_days: int = 0
    notice_delta_minor: int = 0


SETTLES = Plan(name="settles")


def _settles_later(name: str, callbacks: str = "normal") -> Plan:
    return Plan(
        name=name,
        status="pending",
        then="settled",
        then_after_ms=SECOND_MS,
        callbacks=callbacks,
    )


PLANS: dict[int, Plan] = {
    1: _settles_later("settles_later"),
    10: Plan(name="hangs_but_settles", answer="hang"),
    11: Plan(name="reset_before_accept", answer="reset"),
    12: Plan(
        name="gateway_timeout_then_rejected",
        answer="gateway_timeout",
        status="pending",
        then="rejected",
        then_after_ms=3 * SECOND_MS,
        then_reason_code="AC04",
    ),
    13: Plan(name="pending_until_resolved", status="pending"),
    14: Plan(
        name="posts_later",
        status="accepted_without_posting",
        reason_code="ACWP",
        then="settled",
        then_after_ms=90 * SECOND_MS,
    ),
    15: Plan(
        name="accepted_then_blocked",
        status="accepted_without_posting",
        reason_code="ACWP",
        then="blocked",
        then_after_ms=5 * SECOND_MS,
        then_reason_code="BLCK",
    ),
    16: Plan(
        name="returned_in_full",
        returns=(PlannedReturn(DAY_MS, (1, 1), "AC04"),),
    ),
    17: Plan(
        name="returned_in_parts",
        returns=(
            PlannedReturn(DAY_MS, (1, 2), "MS03"),
            PlannedReturn(2 * DAY_MS, (1, 4), "MS03"),
        ),
    ),
    18: _settles_later("settles_untold", callbacks="never"),
    19: _settles_later("settles_told_scrambled", callbacks="scrambled"),
    20: Plan(name="missing_from_statement", statement_lag_days=1),
    21: Plan(name="noticed_wrong", notice_delta_minor=1),
}

REJECTIONS: dict[int, str] = {
    2: "AC03",
    3: "AC04",
    4: "AC06",
    6: "MD07",
    7: "RR04",
    22: "BE01",
    23: "AB05",
}

_by_name: dict[str, Plan] = {plan.name: plan for plan in (SETTLES, *PLANS.values())}


def rejects(reason_code: str) -> Plan:
    """Return the plan that rejects at once with `reason_code`."""
    name = f"rejects:{reason_code}"
    if name not in _by_name:
        _by_name[name] = Plan(name=name, status="rejected", reason_code=reason_code)
    return _by_name[name]


def plan_named(name: str) -> Plan:
    """Return the plan a journal calls `name`; KeyError if no plan is called so."""
    head, _, reason_code = name.partition(":")
    return rejects(reason_code) if head == "rejects" else _by_name[name]


def magic_number(account_number: str) -> int | None:
    """Return the last two digits as a number, None when they are no digits."""
    tail = account_number[-2:]
    return int(tail) if tail.isascii() and tail.isdigit() else None


def plan_for(number: int | None, *, rail: str, amount_minor: int, nth_transfer: int) -> Plan:
    """Return the plan for a magic number.

    `nth_transfer` counts the new transfers of one payout from 1; only number 09 looks at it.
    """
    if number is None:
        return SETTLES
    plan = PLANS.get(number)
    if plan is not None:
        return plan
    if number in REJECTIONS:
        return rejects(REJECTIONS[number])
    if number == 5 and rail != "fednow":
        # USD is rerouted from RTP to FedNow and settles there; other currencies have one rail.
        return rejects("AG03")
    if number == 8 and amount_minor > AM14_LIMIT_MINOR:
        return rejects("AM14")
    if number == 9 and nth_transfer < 3:
        return rejects("AB05")
    return SETTLES
