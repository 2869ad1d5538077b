"""The sums. Never edited by hand: `rebuild_rollups` makes them again from history.

A payout counts in the hour, the day and the week (UTC, from Monday on) it was submitted in,
whatever happens to it later. Hours are kept for HOURS_KEPT_DAYS.
Each sum is kept twice: for its partner, and with `scope` empty for all partners together. Rows of
two currencies are never added.
"""

from datetime import UTC, datetime, time, timedelta

from django.db import models

from atlaspay.core.models import ReferenceField
from atlaspay.core.rollups import RollupMark, one_is_live

ALL_PARTNERS = ""
# So that an hour can be compared with last year's. Hours are nine tenths of all rows.
HOURS_KEPT_DAYS = 400


def hours_since(now: datetime) -> datetime:
    """Return the first midnight (UTC) from which on sums by hour are kept."""
    first = now.astimezone(UTC).date() - timedelta(days=HOURS_KEPT_DAYS)
    return datetime.combine(first, time(), UTC)


class Grain(models.TextChoices):
    """How much time a row stands for."""

    HOUR = "h", "One hour"
    DAY = "d", "One day"
    WEEK = "w", "One week"


class PayoutRollupMark(RollupMark):
    """How far the payouts' history has been counted."""

    class Meta:
        constraints = [one_is_live()]


class PayoutRollup(models.Model):
    """Payouts of one scope, time, currency and rail that are in one state (and failed for one
    reason). Sums of milliseconds are of those that were settled, as is `prompt`: within five
    minutes of their submission or execution time. `reviewed` of them were held for an officer.
    """

    pk = models.CompositePrimaryKey(
        "generation", "scope", "grain", "start_at", "currency", "rail", "state", "failure_code"
    )
    generation = models.PositiveSmallIntegerField()
    scope = ReferenceField()
    grain = models.CharField(max_length=1, choices=Grain.choices)
    start_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    rail = models.CharField(max_length=16)
    state = models.CharField(max_length=16)
    failure_code = models.CharField(max_length=40)
    payouts = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    returned_minor = models.BigIntegerField()
    timed = models.BigIntegerField()
    prompt = models.BigIntegerField()
    reviewed = models.BigIntegerField()
    settle_ms = models.BigIntegerField()
    screening_ms = models.BigIntegerField()
    review_ms = models.BigIntegerField()
    queue_ms = models.BigIntegerField()
    bank_ms = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["generation"], condition=models.Q(payouts=0), name="rollup_payouts_empty"
            )
        ]

    def __str__(self) -> str:
        return f"{self.scope or 'all'} {self.start_at} {self.currency} {self.state}"


class PayoutTime(models.Model):
    """How many settled payouts took how long: `bucket` is one of `atlaspay.core.histogram`."""

    pk = models.CompositePrimaryKey(
        "generation", "scope", "grain", "start_at", "currency", "rail", "bucket"
    )
    generation = models.PositiveSmallIntegerField()
    scope = ReferenceField()
    grain = models.CharField(max_length=1, choices=Grain.choices)
    start_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    rail = models.CharField(max_length=16)
    bucket = models.PositiveSmallIntegerField()
    payouts = models.BigIntegerField()

    class Meta:
        indexes = [
            models.Index(
                fields=["generation"], condition=models.Q(payouts=0), name="rollup_times_empty"
            )
        ]

    def __str__(self) -> str:
        return f"{self.scope or 'all'} {self.start_at} bucket {self.bucket}"
