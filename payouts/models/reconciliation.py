"""Our account as a bank has it, and where it and our books do not agree."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from atlaspay.core.models import ReferenceField
from payouts.models.bank import Attempt, Return
from payouts.models.payouts import Payout


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
