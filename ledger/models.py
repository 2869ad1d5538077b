"""The books: accounts, journals, postings, and balances that the database itself keeps.

Money truth that knows no payout and no partner, only account names and references. Rows are
written by `ledger.services.post` alone; triggers (migration 0002) refuse every change of what is
posted.
"""

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from atlaspay.core.models import ReferenceField
from atlaspay.core.money import MAX_MINOR


class CurrentTransaction(models.Func):
    """The id of the writing transaction; the same inside its savepoints."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()

    def __init__(self, **extra: Any) -> None:
        super().__init__(**extra)


class Account(models.Model):
    """One account in one currency. Never changed, never deleted; the chart gives names their
    meaning.
    """

    class Kind(models.TextChoices):
        ASSET = "asset", "Asset"
        LIABILITY = "liability", "Liability"
        REVENUE = "revenue", "Revenue"
        EXPENSE = "expense", "Expense"

    class Side(models.TextChoices):
        DEBIT = "debit", "Debit"
        CREDIT = "credit", "Credit"

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=100, unique=True, db_collation="C")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    normal_side = models.CharField(max_length=6, choices=Side.choices)
    currency = models.CharField(max_length=3)
    is_guarded = models.BooleanField(
        default=False, help_text="Its balance can never go below zero."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["asset", "expense"], normal_side="debit")
                | Q(kind__in=["liability", "revenue"], normal_side="credit"),
                name="ledger_account_side_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex="^[A-Z]{3}$"), name="ledger_account_currency_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Journal(models.Model):
    """The entries of one kind that one unit of work made. Sealed at commit, once they are proven
    to sum to zero.
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=120)
    request_id = models.CharField(max_length=64, blank=True)
    narration = models.CharField(max_length=300, blank=True)
    xid = models.BigIntegerField(db_default=CurrentTransaction(), editable=False)
    is_sealed = models.BooleanField(default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class Posting(models.Model):
    """One line: debit above zero, credit below. `reference` says for what (a payout, a funding).

    The statement trigger proves journal and account of every inserted row at once, and neither can
    be deleted, so the two foreign keys would only check the same again row by row.
    """

    id = models.BigAutoField(primary_key=True)
    journal = models.ForeignKey(
        Journal, on_delete=models.PROTECT, related_name="postings", db_constraint=False
    )
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="postings",
        db_constraint=False,
        db_index=False,
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reference = ReferenceField(max_length=64, db_index=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["account", "id"], name="ledger_posting_account"),
            models.Index(fields=["reference"], name="ledger_posting_reference"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount_minor=0)
                & Q(amount_minor__gte=-MAX_MINOR, amount_minor__lte=MAX_MINOR),
                name="ledger_posting_amount",
            ),
            models.CheckConstraint(condition=~Q(reference=""), name="ledger_posting_has_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency} {self.reference}"


class Balance(models.Model):
    """What an account holds, in its natural sign: one row for a guarded account, sixteen shards
    for the others.

    Kept by the trigger on posting INSERT, in the posting's own transaction; nothing else may write
    it.
    """

    pk = models.CompositePrimaryKey("account_id", "shard")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="balances", db_index=False
    )
    shard = models.SmallIntegerField()
    is_guarded = models.BooleanField()
    balance_minor = models.BigIntegerField()
    debit_total = models.BigIntegerField()
    credit_total = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(is_guarded=False) | Q(balance_minor__gte=0),
                name="ledger_balance_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(is_guarded=False, shard__gte=0, shard__lt=16)
                | Q(is_guarded=True, shard=0),
                name="ledger_balance_shard",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.shard}: {self.balance_minor}"
