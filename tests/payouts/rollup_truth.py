"""What the sums must be, worked out from the payouts themselves, one by one, without SQL."""

from collections import defaultdict
from datetime import UTC, timedelta

from django.utils import timezone

from payouts.models import Payout
from payouts.representation import timings_public
from payouts.rollups.tables import PayoutRollup, PayoutRollupMark, PayoutTime, hours_since

NAMES = (
    "payouts",
    "amount_minor",
    "returned_minor",
    "timed",
    "prompt",
    "reviewed",
    "settle_ms",
    "screening_ms",
    "review_ms",
    "queue_ms",
    "bank_ms",
)
KEY = ("scope", "grain", "start_at", "currency", "rail", "state", "failure_code")


def truth() -> dict[tuple, tuple[int, ...]]:
    """Return the sums by key, as they must be for the payouts stored now."""
    made: dict[tuple, list[int]] = defaultdict(lambda: [0] * len(NAMES))
    for payout in Payout.objects.all():
        for key in keys(payout):
            for place, value in enumerate(values(payout)):
                made[key][place] += value
    return {key: tuple(sums) for key, sums in made.items()}


def keys(payout: Payout) -> list[tuple]:
    """Return the rows a payout counts in: its partner and all, its hour, day and week."""
    hour = payout.submitted_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    has_code = payout.state in ("failed", "canceled", "returned")
    code = payout.failure_code if has_code else ""
    return [
        (scope, grain, start_at, payout.currency, payout.rail, payout.state, code)
        for scope in (payout.partner_id, "")
        for grain, start_at in (
            ("h", hour),
            ("d", hour.replace(hour=0)),
            ("w", hour.replace(hour=0) - timedelta(days=hour.weekday())),
        )
        if grain != "h" or start_at >= hours_since(timezone.now())
    ]


def values(payout: Payout) -> tuple[int, ...]:
    """Return what one payout adds, in the order of NAMES."""
    if payout.state not in ("settled", "returned"):
        return (1, payout.amount_minor, payout.returned_minor, *[0] * 8)
    start = max(payout.submitted_at, payout.execute_at or payout.submitted_at)
    settle_ms = ms((payout.final_at - start).total_seconds())
    timings = timings_public(payout)
    return (
        1,
        payout.amount_minor,
        payout.returned_minor,
        1,
        int(settle_ms <= 300_000),
        int(payout.reviewed_at is not None),
        settle_ms,
        *(ms(timings[f"{name}_s"]) for name in ("screening", "review", "queue", "bank")),
    )


def ms(seconds: float | None) -> int:
    return max(0, round((seconds or 0) * 1000))


def sums() -> dict[tuple, tuple[int, ...]]:
    """Return the live generation's rows in the same shape."""
    live = PayoutRollupMark.objects.get(is_live=True).generation
    return {
        tuple(row[: len(KEY)]): tuple(row[len(KEY) :])
        for row in PayoutRollup.objects.filter(generation=live).values_list(*KEY, *NAMES)
    }


def agree() -> None:
    """Assert that sums and payouts tell the same; a sum of times may differ by its roundings."""
    told, true = sums(), truth()
    assert told.keys() == true.keys()
    for key, row in true.items():
        assert told[key][:6] == row[:6], key
        for mine, other in zip(told[key][6:], row[6:], strict=True):
            assert abs(mine - other) <= row[0], key
    live = PayoutRollupMark.objects.get(is_live=True).generation
    timed = sum(row[3] for row in true.values())
    counts = PayoutTime.objects.filter(generation=live).values_list("payouts", flat=True)
    assert sum(counts) == timed
    assert not PayoutTime.objects.filter(payouts__lte=0).exists()
