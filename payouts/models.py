"""Batches, payouts, attempts, and what banks told us. Columns and constraints only; services hold
the logic.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from atlaspay.core.history import ActorHistory, TriggerHistory
from atlaspay.core.models import PublicIdField, QuickRow, ReferenceField
from payouts.machine import PayoutMachine, State
from payouts.rollups import tables as rollup_tables  # noqa: F401 - Django finds models here

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


class BankStream(models.Model):
    """How far a stream of a bank has been read."""

    class Kind(models.TextChoices):
        ENTRIES = "entries", "Booked entries"
        NOTICES = "notices", "Notifications"

    provider = models.CharField(max_length=48)
    rail = models.CharField(max_length=16)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    cursor = models.TextField(blank=True)
    read_at = models.DateTimeField(
        null=True, blank=True, help_text="When its end was reached last; all before is stored."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "rail", "kind"], name="bank_stream_once")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.rail} {self.kind}"


class BankEntry(models.Model):
    """One booked line of our account at a bank, as it was first read: facts never change, nothing
    is deleted. What we make of it (counterpart, status) is worked out again while `is_open`.
    """

    class Status(models.TextChoices):
        MATCHED = "matched", "Matched"
        UNMATCHED = "unmatched", "Known to the bank alone"
        BROKEN = "broken", "Does not agree"

    provider = models.CharField(max_length=48)
    account_id = ReferenceField(max_length=64)
    reference = ReferenceField(max_length=120)
    kind = models.CharField(max_length=32)
    amount_minor = models.BigIntegerField(help_text="Credit above zero, debit below.")
    currency = models.CharField(max_length=3)
    end_to_end_id = ReferenceField(max_length=64, blank=True)
    bank_reference = ReferenceField(max_length=64, blank=True)
    booked_at = models.DateTimeField()
    read_at = models.DateTimeField(db_default=Now())
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, null=True, blank=True, related_name="bank_entries"
    )
    returned = models.ForeignKey(
        Return, on_delete=models.PROTECT, null=True, blank=True, related_name="bank_entries"
    )
    funding_reference = ReferenceField(
        max_length=64, blank=True, default="", help_text="Of the booking by fund_partner."
    )
    statement_on = models.DateField(
        null=True, blank=True, help_text="The day whose statement carries it."
    )
    status = models.CharField(max_length=9, choices=Status.choices, default=Status.UNMATCHED)
    cause = models.CharField(max_length=20, blank=True, default="")
    bank_changed = models.CharField(
        max_length=300, blank=True, default="", help_text="What a later reading said instead."
    )
    is_open = models.BooleanField(default=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the bank was asked about its payout because of it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "account_id", "reference"], name="bank_entry_once"
            ),
        ]
        indexes = [
            models.Index(fields=["provider", "id"], condition=Q(is_open=True), name="entry_open"),
            models.Index(
                fields=["provider", "account_id", "booked_at"],
                condition=Q(statement_on=None),
                name="entry_on_no_statement",
            ),
            models.Index(
                fields=["funding_reference"],
                condition=~Q(funding_reference=""),
                name="entry_funding",
            ),
        ]
        verbose_name_plural = "bank entries"

    def __str__(self) -> str:
        return self.reference


class BankNotice(models.Model):
    """What a notification claimed of an entry, kept beside it; never changed."""

    provider = models.CharField(max_length=48)
    account_id = ReferenceField(max_length=64)
    reference = ReferenceField(max_length=120)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    end_to_end_id = ReferenceField(max_length=64, blank=True)
    read_at = models.DateTimeField(db_default=Now())
    is_open = models.BooleanField(default=True, help_text="Not yet seen to agree with its entry.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "account_id", "reference"], name="bank_notice_once"
            )
        ]
        indexes = [
            models.Index(fields=["provider", "id"], condition=Q(is_open=True), name="notice_open")
        ]

    def __str__(self) -> str:
        return self.reference


class BankStatement(models.Model):
    """A closed day of one account as the bank stated it, and what did not add up when it was
    compared last.
    """

    provider = models.CharField(max_length=48)
    rail = models.CharField(max_length=16)
    account_id = ReferenceField(max_length=64)
    currency = models.CharField(max_length=3)
    on = models.DateField()
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    opening_minor = models.BigIntegerField()
    closing_minor = models.BigIntegerField()
    entry_count = models.PositiveIntegerField()
    entries_minor = models.BigIntegerField()
    problems = models.JSONField(
        default=list, blank=True, help_text="subject, expected_minor, actual_minor, detail."
    )
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "account_id", "on"], name="bank_statement_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.on}"


class ReconciliationBreak(models.Model):
    """One thing on which we and a bank do not agree. Opened and closed by comparing; a person may
    close it with a note. Facts never change, and a closed one never changes at all.
    """

    class Kind(models.TextChoices):
        OURS_ONLY = "ours_only", "Booked here, not by the bank"
        THEIRS_ONLY = "theirs_only", "Booked by the bank, not here"
        AMOUNT_DIFFERS = "amount_differs", "Amounts differ"
        BOOKED_TWICE = "booked_twice", "Booked twice by the bank"
        STATE_DIFFERS = "state_differs", "Paid by the bank, refused here"
        ENTRY_CHANGED = "entry_changed", "The bank changed an entry"
        NOTICE_DIFFERS = "notice_differs", "Notification and entry differ"
        STATEMENT_MISSING = "statement_missing", "Missing from the day's statement"
        STATEMENT_DIFFERS = "statement_differs", "Statement does not add up"

    provider = models.CharField(max_length=48)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject = ReferenceField(
        max_length=200, help_text="What it is about: entry:, attempt:, return:, funding:, …"
    )
    entry = models.ForeignKey(
        BankEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="breaks"
    )
    payout = models.ForeignKey(
        Payout, on_delete=models.PROTECT, null=True, blank=True, related_name="breaks"
    )
    currency = models.CharField(max_length=3)
    expected_minor = models.BigIntegerField(help_text="What our books say the bank should show.")
    actual_minor = models.BigIntegerField(help_text="What the bank shows.")
    detail = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=80, blank=True, default="")
    is_resolved_by_hand = models.BooleanField(default=False)
    owner = models.CharField(max_length=80, blank=True, default="")
    note = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "kind", "subject"],
                condition=Q(resolved_at=None),
                name="break_open_once",
            ),
            models.CheckConstraint(
                condition=Q(is_resolved_by_hand=False) | ~Q(note=""),
                name="break_by_hand_has_note",
            ),
        ]
        indexes = [
            models.Index(fields=["provider", "kind", "subject"], name="break_subject"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.subject}"
