"""Batches and payouts. Columns and constraints only; services hold the logic."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from atlaspay.core.history import ActorHistory, TriggerHistory
from atlaspay.core.models import PublicIdField, ReferenceField
from payouts.machine import FINAL_STATES, PayoutMachine, State

# Columns that never change after intake: guarded by a trigger, so history needs no copies of them.
FIXED_COLUMNS = (
    "batch",
    "partner",
    "position",
    "reference",
    "amount_minor",
    "currency",
    "recipient_name",
    "recipient_country",
    "account_type",
    "account_bank",
    "account_sealed",
    "account_last4",
    "account_index",
    "description",
    "metadata",
    "rail_requested",
    "execute_at",
    "submitted_at",
)


class Batch(models.Model):
    """What a partner sent in one request; its status is derived from its payouts."""

    class Intake(models.TextChoices):
        RECEIVED = "received", "Stored, not yet taken in"
        ACCEPTED = "accepted", "Taken in"
        REJECTED = "rejected", "Refused as a whole"

    id = PublicIdField(prefix="bt")
    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="batches", db_index=False
    )
    api_key = models.ForeignKey(
        "partners.ApiKey", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reference = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    rail_requested = models.CharField(max_length=16, blank=True)
    execute_at = models.DateTimeField(null=True, blank=True)
    atomic = models.BooleanField(default=False)
    intake = models.CharField(max_length=8, choices=Intake.choices, default=Intake.ACCEPTED)
    item_count = models.PositiveIntegerField(default=0)
    accepted_count = models.PositiveIntegerField(default=0)
    accepted_minor = models.BigIntegerField(default=0)
    rejections = models.JSONField(
        default=list, blank=True, help_text="Refused items: index, reference, errors."
    )
    problem = models.JSONField(
        null=True, blank=True, help_text="Why the batch as a whole was refused."
    )
    event_count = models.PositiveIntegerField(default=0)
    last_event_id = ReferenceField(blank=True, default="")
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    completed_at = models.DateTimeField(null=True, blank=True)

    history = HistoricalRecords(excluded_fields=["rejections"], bases=[ActorHistory])

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["partner", "reference"], name="batch_reference_once")
        ]
        indexes = [
            models.Index(fields=["partner", "-id"], name="batch_partner"),
            models.Index(fields=["id"], condition=Q(completed_at=None), name="batch_open"),
        ]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return f"{self.reference} ({self.id})"


class BatchUpload(models.Model):
    """The sealed body of a `respond-async` batch, until a worker has taken it in."""

    batch = models.OneToOneField(
        Batch, on_delete=models.CASCADE, primary_key=True, related_name="upload"
    )
    content_type = models.CharField(max_length=40)
    body_sealed = models.BinaryField()
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.batch_id


class Payout(PayoutMachine):
    """One transfer to one recipient. `state` moves by transition and is written by `services.unit`
    alone.
    """

    id = PublicIdField(prefix="po")
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, related_name="payouts", db_index=False, db_constraint=False
    )
    partner = models.ForeignKey(
        "partners.Partner",
        on_delete=models.PROTECT,
        related_name="payouts",
        db_index=False,
        db_constraint=False,
    )
    position = models.PositiveIntegerField(help_text="Index in the batch as submitted, from 0.")
    reference = models.CharField(max_length=64)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    recipient_name = models.CharField(max_length=140)
    recipient_country = models.CharField(max_length=2)
    account_type = models.CharField(max_length=4)
    account_bank = models.CharField(
        max_length=11, help_text="BIC or national bank code, routing number, sort code."
    )
    account_sealed = models.BinaryField()
    account_last4 = models.CharField(max_length=4)
    account_index = models.BinaryField(
        max_length=16, help_text="Blind index: equal for equal accounts."
    )
    description = models.CharField(max_length=140, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    rail_requested = models.CharField(max_length=16, blank=True)
    execute_at = models.DateTimeField(null=True, blank=True)

    rail = models.CharField(max_length=16, blank=True, help_text="The rail it went, or goes, over.")
    fallback_reason = models.CharField(max_length=140, blank=True)
    version = models.PositiveIntegerField(default=1)
    due_at = models.DateTimeField(
        null=True, blank=True, help_text="When the platform acts on it next."
    )
    deadline_at = models.DateTimeField(
        help_text="End of the time budget for attempts that the bank definitely refused."
    )
    claim_id = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    failure_code = models.CharField(max_length=40, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    bank_code = models.CharField(max_length=20, blank=True, help_text="The bank's raw reason code.")
    returned_minor = models.BigIntegerField(default=0)
    event_count = models.PositiveIntegerField(default=0)
    last_event_id = ReferenceField(blank=True, default="")

    submitted_at = models.DateTimeField(db_default=Now())
    screened_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    final_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    history = TriggerHistory(
        excluded_fields=list(FIXED_COLUMNS),
        # A plain column: no index to keep on the hottest table, and a user who left stays named.
        history_user_id_field=models.IntegerField(null=True),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "reference"], name="payout_reference_once_per_batch"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="payout_amount_positive"),
            models.CheckConstraint(
                condition=Q(returned_minor__gte=0, returned_minor__lte=F("amount_minor")),
                name="payout_return_within",
            ),
            # What asks for `final_at IS NULL`, for its index, misses nothing that is open.
            models.CheckConstraint(
                condition=Q(final_at=None) | Q(state__in=sorted(FINAL_STATES)),
                name="payout_final_at_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "id"], condition=Q(state=State.SCREENING), name="payout_screening"
            ),
            models.Index(
                fields=["deadline_at", "id"], condition=Q(state=State.QUEUED), name="payout_queued"
            ),
            models.Index(
                fields=["due_at", "id"], condition=Q(state=State.SENDING), name="payout_sending"
            ),
            models.Index(
                fields=["due_at", "id"], condition=Q(state=State.SENT), name="payout_sent"
            ),
            models.Index(
                fields=["submitted_at", "id"],
                condition=Q(state=State.IN_REVIEW),
                name="payout_in_review",
            ),
            # Told apart by time and not by state: every question about one state that is not final
            # would be taken for one that this index answers, by reading all that is open.
            models.Index(fields=["batch"], condition=Q(final_at=None), name="payout_batch_open"),
            models.Index(fields=["partner", "-id"], name="payout_partner"),
            models.Index(fields=["reference"], name="payout_reference"),
            models.Index(fields=["account_index", "submitted_at"], name="payout_account"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} ({self.id})"
