"""What screening keeps beside the payouts to answer its rules quickly. Derived, never evidence: all
of it can be made again from the payouts."""

from django.db import models


class RecipientSeen(models.Model):
    """Which recipient a screened payout went to.

    `recipient_key` hashes the partner and the name. A table of its own, because an index on the
    payouts would be written anew with each of a payout's changes.
    """

    payout = models.OneToOneField(
        "payouts.Payout",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="+",
        db_constraint=False,
    )
    recipient_key = models.BigIntegerField()
    submitted_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["recipient_key", "submitted_at"], name="recipient_seen_lookup")
        ]

    def __str__(self) -> str:
        return self.payout_id


class PartnerFlow(models.Model):
    """What a partner submitted in one minute or one hour, by currency; failed and canceled payouts
    left out as far as known when it was counted."""

    partner = models.ForeignKey(
        "partners.Partner",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    currency = models.CharField(max_length=3)
    span_minutes = models.PositiveSmallIntegerField(help_text="1 or 60.")
    starts_at = models.DateTimeField()
    count = models.PositiveIntegerField()
    total_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "currency", "span_minutes", "starts_at"],
                name="partner_flow_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.partner_id} {self.currency} {self.starts_at:%Y-%m-%d %H:%M}"


class FlowMark(models.Model):
    """How far `PartnerFlow` has been counted; one row."""

    closed_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.closed_until:%Y-%m-%d %H:%M}"
