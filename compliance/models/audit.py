"""What proves the audit log itself: heads anchored from time to time, and verifications made."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class AuditHead(models.Model):
    """Where the decision chain stood at a moment, and digests of the small append-only tables.

    Append-only and chained like decisions; `number`, `at`, `position`, `decision_hash`,
    `prev_hash` and `hash` are set by the trigger whatever the writer says. Its log line leaves the
    machine, so that a chain whose end was cut off, or that was rewritten whole, is found.
    """

    number = models.BigIntegerField(primary_key=True, db_default=0, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    position = models.BigIntegerField(db_default=0, editable=False)
    decision_hash = models.BinaryField(max_length=32, db_default=b"", editable=False)
    marks = models.JSONField(
        default=dict, help_text="A table's rows so far, its last id, and the SHA-256 over them."
    )
    prev_hash = models.BinaryField(max_length=32, db_default=b"", editable=False)
    hash = models.BinaryField(max_length=32, db_default=b"", editable=False)

    class Meta:
        ordering = ["-number"]
        verbose_name = "anchored head"

    def __str__(self) -> str:
        return f"Head {self.number}: receipt {self.position}"


class Verification(models.Model):
    """One run over the whole audit, by a person or a task; what it found stays when it ended."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Given up"

    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    is_sound = models.BooleanField(null=True, help_text="Whether every check held.")
    replays_all = models.BooleanField(
        default=False, help_text="Every screening run is judged again, not a sample."
    )
    actor = models.CharField(max_length=80)
    done = models.PositiveIntegerField(default=0, help_text="Rows looked at so far.")
    total = models.PositiveIntegerField(default=0)
    work = models.JSONField(default=dict, help_text="Where it stands while it runs.")
    checks = models.JSONField(default=list, help_text="Each check with the first row breaking it.")
    figures = models.JSONField(default=dict)
    position = models.BigIntegerField(default=0, help_text="The last receipt verified.")
    head = models.CharField(max_length=64, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")
    claim_id = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(state__in=["waiting", "running"]),
                name="verification_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"Verification {self.pk}"
