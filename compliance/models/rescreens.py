"""Rescreens: payouts compared again after a list changed, and what was found."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from compliance.models.watchlists import WatchlistEntry


class Rescreen(models.Model):
    """Payouts and past recipients compared again after a list changed."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Given up"

    cause = models.CharField(max_length=200, help_text="What changed, or who asked.")
    since_lists = models.JSONField(
        default=dict, help_text="Revision of each list before: only later names are compared."
    )
    days = models.PositiveSmallIntegerField(
        default=365, db_default=365, help_text="How far back recipients already paid are compared."
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    cursor = models.CharField(
        max_length=200, blank=True, help_text="The payout compared last; newest first."
    )
    held = models.PositiveIntegerField(default=0)
    raised = models.PositiveIntegerField(default=0)
    paid = models.PositiveIntegerField(default=0, help_text="Sent already: a person looks at it.")
    detail = models.CharField(max_length=300, blank=True)
    actor = models.CharField(max_length=80)
    interruptions = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Workers it lost since it last got on."
    )
    progressed_at = models.DateTimeField(null=True, blank=True)
    claim_id = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Rescreen: {self.cause}"


class RescreenHit(models.Model):
    """A recipient who resembles a name that was not on the list when the payout was screened."""

    class Outcome(models.TextChoices):
        HELD = "held", "Held for an officer"
        RAISED = "raised", "Added to an open case"
        PAID = "paid", "Sent already"

    rescreen = models.ForeignKey(Rescreen, on_delete=models.PROTECT, related_name="hits")
    payout = models.ForeignKey("payouts.Payout", on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(WatchlistEntry, on_delete=models.PROTECT, related_name="+")
    similarity = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=6, choices=Outcome.choices)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review_note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rescreen", "payout", "entry"], name="rescreen_hit_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["-id"],
                condition=Q(outcome="paid", reviewed_at=None),
                name="rescreen_hit_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.payout_id}: {self.outcome}"
