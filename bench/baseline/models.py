"""Batch and payout with history by django-simple-history's own signals."""

from django.db import models
from django_fsm import FSMField, transition
from simple_history.models import HistoricalRecords


class Batch(models.Model):
    """What was sent in one request."""

    reference = models.CharField(max_length=64, unique=True)
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField(auto_now_add=True)
    history = HistoricalRecords()

    def __str__(self) -> str:
        return self.reference


class Payout(models.Model):
    """One transfer; saved whole at each step."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="payouts")
    reference = models.CharField(max_length=64)
    amount_minor = models.BigIntegerField()
    recipient_name = models.CharField(max_length=140)
    recipient_country = models.CharField(max_length=2)
    iban = models.CharField(max_length=34)
    description = models.CharField(max_length=140, blank=True)
    state = FSMField(default="queued", db_index=True)
    bank_reference = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "reference"], name="reference_once")
        ]

    def __str__(self) -> str:
        return self.reference

    @transition(field=state, source="queued", target="processing")
    def process(self) -> None:
        """It goes to the bank."""

    @transition(field=state, source="processing", target="settled")
    def settle(self) -> None:
        """The bank paid it."""

    @transition(field=state, source="processing", target="failed")
    def fail(self) -> None:
        """The bank refused it."""
