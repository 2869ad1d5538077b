"""What we asked of banks and what they told us of a payout."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from atlaspay.core.history import ActorHistory
from atlaspay.core.models import PublicIdField, QuickRow
from payouts.models.payouts import Payout


class Attempt(QuickRow):
    """One try at one rail. Committed before the call, so that whatever happens there is a row to
    ask the bank about.
    """

    class State(models.TextChoices):
        SENDING = "sending", "On the wire"
        UNKNOWN = "unknown", "Outcome unknown"
        ACCEPTED = "accepted", "Accepted by the bank"
        SETTLED = "settled", "Settled"
        REJECTED = "rejected", "Definitely refused"
        NOT_SENT = "not_sent", "Never reached the bank"

    id = PublicIdField(prefix="at")
    payout = models.ForeignKey(
        Payout,
        on_delete=models.PROTECT,
        related_name="attempts",
        db_index=False,
        db_constraint=False,
    )
    number = models.PositiveSmallIntegerField()
    rail = models.CharField(max_length=16)
    state = models.CharField(max_length=10, choices=State.choices, default=State.SENDING)
    bank_key = models.CharField(
        max_length=64,
        db_collation="C",
        help_text="Idempotency key at the bank, made of payout and number.",
    )
    end_to_end_id = models.CharField(max_length=35, db_collation="C")
    payload_hash = models.BinaryField(max_length=32)
    claim_id = models.UUIDField()
    sends = models.PositiveSmallIntegerField(
        default=1, help_text="Times this same key was put on the wire."
    )
    inquiries = models.PositiveSmallIntegerField(default=0)
    bank_reference = models.CharField(max_length=64, blank=True, db_collation="C")
    bank_status = models.CharField(max_length=40, blank=True)
    bank_code = models.CharField(max_length=20, blank=True)
    canonical_code = models.CharField(max_length=40, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_hash = models.BinaryField(max_length=32, null=True, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(db_default=Now())
    answered_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["payout", "number"], name="attempt_number_once"),
            models.UniqueConstraint(
                fields=["rail", "end_to_end_id"], name="attempt_end_to_end_once"
            ),
            # Never two attempts alive: the schema itself refuses a second way to pay.
            models.UniqueConstraint(
                fields=["payout"],
                condition=~Q(state__in=["rejected", "not_sent"]),
                name="attempt_one_alive",
            ),
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.payout_id} #{self.number} {self.state}"


class BankCallback(models.Model):
    """A bank's message, stored raw before anything is believed of it."""

    class State(models.TextChoices):
        STORED = "stored", "Stored"
        APPLIED = "applied", "Applied"
        IGNORED = "ignored", "Told nothing new"
        REFUSED = "refused", "Signature did not verify"
        UNMATCHED = "unmatched", "No such attempt here"
        BROKEN = "broken", "Could not be read"

    id = PublicIdField(prefix="cb")
    rail = models.CharField(max_length=16)
    message_id = models.CharField(max_length=80, db_collation="C")
    headers = models.JSONField(default=dict)
    body_sealed = models.BinaryField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.STORED)
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, null=True, blank=True, related_name="callbacks"
    )
    detail = models.CharField(max_length=300, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField(db_default=Now())
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rail", "message_id"], name="callback_message_once")
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="stored"), name="callback_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.rail} {self.message_id}"


class Return(models.Model):
    """Money that came back after settlement: its own object and postings, never an edit of the
    payout's.
    """

    id = PublicIdField(prefix="rt")
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="returns")
    rail = models.CharField(max_length=16)
    bank_reference = models.CharField(max_length=64, db_collation="C")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    bank_code = models.CharField(max_length=20)
    canonical_code = models.CharField(max_length=40)
    returned_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rail", "bank_reference"], name="return_once_per_rail"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="return_amount_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.payout_id} {self.amount_minor} {self.currency}"


class RailState(models.Model):
    """Whether a rail may send, and who stopped it."""

    rail = models.CharField(max_length=16, primary_key=True)
    is_paused = models.BooleanField(default=False)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80, blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    history = HistoricalRecords(bases=[ActorHistory])

    class Meta:
        permissions = [("pause_rail", "Can pause and resume rails")]

    def __str__(self) -> str:
        return f"{self.rail}: {'paused' if self.is_paused else 'running'}"
