"""Where events go (Endpoint), what the sender learned of it (EndpointHealth), what checks found
(EndpointCheck).
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from atlaspay.core.history import ActorHistory
from atlaspay.core.models import PublicIdField


class Endpoint(models.Model):
    """A partner's URL that receives events. Never updated by an attempt; see EndpointHealth.

    In mode `test` it gets tests only, until it has passed the check (EndpointCheck). A new URL of
    a live endpoint waits in `proposed_url` until that has passed. While a secret rotates
    `previous_secret_sealed` is set; `previous_secret_until` is the end where one was named.
    """

    class Status(models.TextChoices):
        ENABLED = "enabled", "Enabled"
        DISABLED = "disabled", "Disabled"

    class Mode(models.TextChoices):
        TEST = "test", "Test: no live events yet"
        LIVE = "live", "Live"

    id = PublicIdField(prefix="we")
    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="endpoints"
    )
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=140, blank=True)
    event_types = ArrayField(
        models.CharField(max_length=40), default=list, blank=True, help_text="Empty: all events."
    )
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ENABLED)
    disabled_reason = models.CharField(max_length=140, blank=True)
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.TEST)
    proposed_url = models.URLField(max_length=500, blank=True)
    secret_sealed = models.BinaryField()
    previous_secret_sealed = models.BinaryField(null=True, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    history = HistoricalRecords(
        bases=[ActorHistory], excluded_fields=["secret_sealed", "previous_secret_sealed"]
    )

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.url


class EndpointHealth(models.Model):
    """What the sender learned of an endpoint. A healthy endpoint's row is not written at all.

    `failing_since` is the first failure after the last success; `streak` counts connection failures
    and timeouts in a row (the breaker's food); `window` is how many calls may run at once (AIMD).
    `recovered_at` is set by the first success after a longer failure and cleared by the sweep that
    brings forward what waits.
    """

    endpoint = models.OneToOneField(
        Endpoint, on_delete=models.CASCADE, primary_key=True, related_name="health"
    )
    failing_since = models.DateTimeField(null=True, blank=True)
    streak = models.PositiveIntegerField(default=0)
    breaker_trips = models.PositiveSmallIntegerField(default=0)
    breaker_open_until = models.DateTimeField(null=True, blank=True)
    window = models.PositiveSmallIntegerField(default=4)
    warnings_sent = models.PositiveSmallIntegerField(default=0)
    recovered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "endpoint health"
        indexes = [
            models.Index(
                fields=["recovered_at"],
                condition=Q(recovered_at__isnull=False),
                name="health_recovered",
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} window {self.window}"


class EndpointCheck(models.Model):
    """A scripted probe of an endpoint: does it verify (`conformance`), has it the new secret
    (`rotation`)?

    `results` holds one member a message sent: {probe, sent, expected, http_status, is_ok, says,
    fix}. `due_at` is when the next try is due or, while `claim_id` is set, the end of its lease.
    """

    class Kind(models.TextChoices):
        CONFORMANCE = "conformance", "Does it verify what it receives?"
        ROTATION = "rotation", "Does it know the new secret?"

    class State(models.TextChoices):
        PENDING = "pending", "Under way"
        PASSED = "passed", "Passed"
        FAILED = "failed", "Not passed"
        CANCELED = "canceled", "Overtaken by a later change"

    id = PublicIdField(prefix="wc")
    endpoint = models.ForeignKey(
        Endpoint, on_delete=models.PROTECT, related_name="checks", db_index=False
    )
    kind = models.CharField(max_length=11, choices=Kind.choices)
    url = models.URLField(max_length=500)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    claim_id = models.UUIDField(null=True, blank=True)
    results = models.JSONField(default=list, blank=True)
    summary = models.CharField(max_length=400, blank=True)
    requested_by = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    tried_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "kind"],
                condition=Q(state="pending"),
                name="check_one_open_per_endpoint",
            )
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="pending"), name="check_due"),
            models.Index(F("endpoint"), F("id").desc(), name="check_by_endpoint"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
