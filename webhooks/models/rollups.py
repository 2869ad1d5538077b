"""What deliveries came to, by day and week of their event; `webhooks.rollups` keeps it."""

from django.db import models

from atlaspay.core.models import ReferenceField
from atlaspay.core.rollups import RollupMark, one_is_live


class DeliveryRollupMark(RollupMark):
    """How far the delivery attempts have been counted."""

    class Meta:
        constraints = [one_is_live()]


class DeliveryRollup(models.Model):
    """Deliveries of one scope (a partner; an endpoint; empty: all) and day (UTC) of the event. For
    partners and all, weeks (from Monday on) are summed as well.

    `tried` counts deliveries with a first attempt, `first_delivered` those it succeeded for,
    `delivered` those any attempt succeeded for, `prompt` those within 30 seconds of the event,
    `exhausted` those given up after the whole schedule and not delivered by a retry since.
    """

    pk = models.CompositePrimaryKey("generation", "scope", "grain", "start_at")
    generation = models.PositiveSmallIntegerField()
    scope = ReferenceField()
    grain = models.CharField(max_length=1)
    start_at = models.DateTimeField()
    attempts = models.BigIntegerField()
    tried = models.BigIntegerField()
    first_delivered = models.BigIntegerField()
    delivered = models.BigIntegerField()
    prompt = models.BigIntegerField()
    exhausted = models.BigIntegerField(db_default=0)

    def __str__(self) -> str:
        return f"{self.scope or 'all'} {self.start_at}"


class DeliveryTime(models.Model):
    """How many events took how long until their delivery; `bucket` of `atlaspay.core.histogram`."""

    pk = models.CompositePrimaryKey("generation", "scope", "grain", "start_at", "bucket")
    generation = models.PositiveSmallIntegerField()
    scope = ReferenceField()
    grain = models.CharField(max_length=1)
    start_at = models.DateTimeField()
    bucket = models.PositiveSmallIntegerField()
    deliveries = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.scope or 'all'} {self.start_at} bucket {self.bucket}"
