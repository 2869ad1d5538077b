"""Screening runs and the cases they open."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from atlaspay.core.history import TriggerHistory
from atlaspay.core.models import PublicIdField


class ScreeningRun(models.Model):
    """What one policy said of one payout, and the facts it saw. Append-only.

    `facts` keeps only what the payout's own unchangeable columns do not say; `findings` is empty
    where no rule had anything to say. Both together with the policy replay to the same verdict.
    """

    class Verdict(models.TextChoices):
        CLEAR = "clear", "Clear"
        REVIEW = "review", "Held for an officer"

    id = PublicIdField(prefix="sr")
    payout = models.ForeignKey(
        "payouts.Payout",
        on_delete=models.PROTECT,
        related_name="screening_runs",
        db_constraint=False,
    )
    policy = models.ForeignKey(
        "compliance.Policy",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    verdict = models.CharField(max_length=8, choices=Verdict.choices)
    score = models.PositiveSmallIntegerField(default=0)
    facts = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    lists = models.CharField(
        max_length=200, blank=True, help_text="Watchlists and their revisions at that moment."
    )
    duration_us = models.PositiveIntegerField(
        help_text="This payout's share of the time its chunk took."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.payout_id}: {self.verdict}"


class Case(models.Model):
    """A flagged payout that waits for an officer, or has had one. Closed with its decision in one
    transaction."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DECIDED = "decided", "Decided"
        WITHDRAWN = "withdrawn", "Withdrawn: the partner canceled the payout"

    id = PublicIdField(prefix="cs")
    payout = models.ForeignKey("payouts.Payout", on_delete=models.PROTECT, related_name="cases")
    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    run = models.OneToOneField(ScreeningRun, on_delete=models.PROTECT, related_name="case")
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    codes = ArrayField(
        models.CharField(max_length=40), help_text="The rules that flagged, heaviest first."
    )
    score = models.PositiveSmallIntegerField()
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    assigned_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(help_text="By when the policy wants it decided.")
    closed_at = models.DateTimeField(null=True, blank=True)

    history = TriggerHistory()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["payout"], condition=Q(state="open"), name="case_one_open_per_payout"
            ),
            models.CheckConstraint(
                condition=Q(state="open", closed_at=None)
                | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="case_closed_at_fits_state",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state="open"), name="case_queue"),
            models.Index(
                fields=["partner", "due_at"],
                condition=Q(state="open"),
                name="case_queue_by_partner",
            ),
            models.Index(fields=["-closed_at"], condition=~Q(state="open"), name="case_closed"),
        ]
        permissions = [
            ("decide_case", "Can approve and reject held payouts"),
            ("override_decision", "Can override a decision, and be its second pair of eyes"),
        ]

    def __str__(self) -> str:
        return f"Case {self.id}"
