"""Decision receipts: append-only, hash-chained by the database."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from atlaspay.core.models import PublicIdField, ReferenceField


class Decision(models.Model):
    """One officer's decision with all that was known: the row a later reader must be able to trust.

    `position`, `facts_hash`, `prev_hash`, `hash` and `decided_at` are set by the trigger whatever
    the writer says; `compliance.chain` describes the chain and recomputes it.
    """

    class Kind(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"

    id = PublicIdField(prefix="dc")
    position = models.BigIntegerField(unique=True, db_default=0, editable=False)
    case = models.OneToOneField(
        "compliance.Case", on_delete=models.PROTECT, related_name="decision"
    )
    payout = models.ForeignKey("payouts.Payout", on_delete=models.PROTECT, related_name="decisions")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    reason_code = models.CharField(max_length=40)
    internal_text = models.TextField(
        max_length=2000, help_text="For colleagues and auditors; no partner ever sees it."
    )
    partner_text = models.CharField(max_length=300, blank=True, help_text="What the partner reads.")
    actor = models.CharField(max_length=80)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    before = models.JSONField()
    after = models.JSONField()
    evidence = models.JSONField(help_text="Findings, facts and lists the officer saw.")
    policy = models.ForeignKey(
        "compliance.Policy", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    facts_hash = models.BinaryField(
        max_length=32,
        db_default=b"",
        editable=False,
        help_text="SHA-256 of the evidence as PostgreSQL prints it.",
    )
    request_id = ReferenceField(max_length=64, blank=True, default="")
    decided_at = models.DateTimeField(db_default=Now(), editable=False)
    prev_hash = models.BinaryField(max_length=32, db_default=b"", editable=False)
    hash = models.BinaryField(max_length=32, db_default=b"", editable=False)

    class Meta:
        ordering = ["-position"]
        permissions = [("verify_audit", "Can verify and export the audit chain")]

    def __str__(self) -> str:
        return f"Decision {self.position}: {self.get_kind_display().lower()} {self.payout_id}"
