"""Screening runs and the cases they open."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from atlaspay.core.history import TriggerHistory
from atlaspay.core.models import PublicIdField

if TYPE_CHECKING:
    from compliance.models.decisions import Decision


class ScreeningRun(models.Model):
    """What one policy said of one payout, and the facts it saw. Append-only.

    `facts` keeps only what the payout's own unchangeable columns do not say; `findings` is empty
    where no rule had anything to say. Both together with the policy replay to the same verdict.
    """

    class Verdict(models.TextChoices):
        CLEAR = "clear", "Clear"
        REVIEW = "review", "Held for an officer"
        BLOCK = "block", "Blocked: only an override lets it go"

    class Occasion(models.TextChoices):
        INTAKE = "intake", "Submitted"
        RESCREEN = "rescreen", "A watchlist changed"

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
    occasion = models.CharField(
        max_length=8,
        choices=Occasion.choices,
        default=Occasion.INTAKE,
        db_default=Occasion.INTAKE,
    )
    score = models.PositiveSmallIntegerField(default=0)
    facts = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    lists = models.CharField(
        max_length=2000,
        blank=True,
        help_text="Watchlists and their revisions at that moment, and the matcher of names.",
    )
    duration_us = models.PositiveIntegerField(
        help_text="This payout's share of the time its chunk took."
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["payout"], condition=~Q(verdict="clear"), name="screening_run_flagged"
            )
        ]

    def __str__(self) -> str:
        return f"{self.payout_id}: {self.verdict}"


class Case(models.Model):
    """A flagged payout that waits for an officer, or has had one. Closed with its last decision in
    one transaction.

    A claim (`assignee`, `assigned_at`, `heartbeat_at`) says who reads it and lapses with its
    heartbeat; it never decides who may decide.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SECOND = "second", "Waits for a second officer"
        DECIDED = "decided", "Decided"
        WITHDRAWN = "withdrawn", "Withdrawn: the partner canceled the payout"

    class Origin(models.TextChoices):
        SCREENING = "screening", "Screening"
        RESCREEN = "rescreen", "A watchlist changed"
        UNDO = "undo", "An approval was undone"

    class Auto(models.TextChoices):
        NONE = "", "Not eligible"
        ELIGIBLE = "eligible", "Eligible"
        HOLDOUT = "holdout", "Held out for people to check"

    WAITING = (State.OPEN, State.SECOND)

    id = PublicIdField(prefix="cs")
    payout = models.ForeignKey("payouts.Payout", on_delete=models.PROTECT, related_name="cases")
    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    run = models.OneToOneField(
        ScreeningRun,
        on_delete=models.PROTECT,
        related_name="case",
        null=True,
        help_text="The run that opened it; none where an approval was undone.",
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    origin = models.CharField(
        max_length=9, choices=Origin.choices, default=Origin.SCREENING, db_default=Origin.SCREENING
    )
    is_blocked = models.BooleanField(
        default=False, db_default=False, help_text="Only an override by a lead lets it go."
    )
    auto = models.CharField(
        max_length=8,
        choices=Auto.choices,
        blank=True,
        default=Auto.NONE,
        db_default=Auto.NONE,
        help_text="What automatic approval made of it; no officer is shown a hold-out as one.",
    )
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
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    escalated_by = models.CharField(max_length=80, blank=True, default="", db_default="")
    escalation_note = models.CharField(max_length=500, blank=True, default="", db_default="")
    raised_at = models.DateTimeField(
        null=True, blank=True, help_text="When a later screening last added a hit."
    )
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(help_text="By when the policy wants it decided.")
    rank_at = models.DateTimeField(
        help_text="The queue's order: the due time, drawn nearer by the amount."
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    history = TriggerHistory()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["payout"],
                condition=Q(state__in=["open", "second"]),
                name="case_one_waiting_per_payout",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["open", "second"], closed_at=None)
                | (Q(state__in=["decided", "withdrawn"]) & Q(closed_at__isnull=False)),
                name="case_closed_at_fits_state",
            ),
            models.CheckConstraint(
                condition=~Q(run=None) | Q(origin="undo"), name="case_has_run_unless_undo"
            ),
        ]
        indexes = [
            models.Index(
                fields=["rank_at", "id"],
                condition=Q(state__in=["open", "second"]),
                name="case_queue",
            ),
            models.Index(
                fields=["due_at", "id"],
                condition=Q(state__in=["open", "second"]),
                name="case_by_due",
            ),
            models.Index(
                fields=["partner", "rank_at"],
                condition=Q(state__in=["open", "second"]),
                name="case_queue_by_partner",
            ),
            models.Index(
                fields=["-closed_at"],
                condition=Q(state__in=["decided", "withdrawn"]),
                name="case_closed",
            ),
            models.Index(
                fields=["partner", "-closed_at"],
                condition=Q(state="decided"),
                name="case_decided_by_partner",
            ),
            models.Index(
                fields=["rank_at", "id"],
                condition=Q(state="open", auto="eligible"),
                name="case_auto_eligible",
            ),
        ]
        permissions = [
            ("decide_case", "Can approve and reject held payouts"),
            ("override_decision", "Can override a decision, and be its second pair of eyes"),
        ]

    def __str__(self) -> str:
        return f"Case {self.id}"

    @property
    def is_waiting(self) -> bool:
        """Say whether somebody still has to decide."""
        return self.state in self.WAITING

    @property
    def decision(self) -> "Decision | None":
        """Return the decision that took effect, if there is one; prefetch `decisions` for lists."""
        found = [one for one in self.decisions.all() if one.is_in_effect and one.kind != "undo"]
        return found[0] if found else None


class SavedFilter(models.Model):
    """A view of the queue somebody comes back to; a shared one shows up for all officers."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters"
    )
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500, help_text="The queue's address after the ?.")
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="saved_filter_name_once")
        ]

    def __str__(self) -> str:
        return self.name
