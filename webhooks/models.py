"""The outbox (Event), where it goes (Endpoint), and what became of it (Delivery, DeliveryAttempt).

Rows in a waiting state with a due time are the queue; `webhooks.delivery` knows the rules.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast, Now
from simple_history.models import HistoricalRecords

from atlaspay.core.history import ActorHistory
from atlaspay.core.models import PublicIdField, ReferenceField


def _next_position() -> Func:
    return Func(Value("webhooks_event_position_seq"), function="nextval")


def _this_transaction() -> Cast:
    # xid8 has no direct cast to bigint.
    return Cast(
        Cast(Func(function="pg_current_xact_id"), models.TextField()), models.BigIntegerField()
    )


class Event(models.Model):
    """One fact a partner is told of: the exact bytes that are signed, sent, and served by the feed.

    `xid` is the writing transaction: the feed is ordered by (xid, position) and shows only what no
    open transaction can still precede, so that a cursor never skips a late commit.
    """

    id = PublicIdField(prefix="ev")
    partner = models.ForeignKey(
        "partners.Partner",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    type = models.CharField(max_length=40)
    object_id = ReferenceField()
    sequence = models.PositiveIntegerField()
    body = models.BinaryField()
    position = models.BigIntegerField(db_default=_next_position(), editable=False)
    xid = models.BigIntegerField(db_default=_this_transaction(), editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["partner", "xid", "position"], name="event_feed"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["object_id", "sequence"], name="event_sequence_once_per_object"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"


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


class Delivery(models.Model):
    """One event on its way to one endpoint.

    `due_at` is when somebody should next look at a pending row: the next attempt, or, while
    `claim_id` is set, the end of the claim's lease. `attempt_count` counts sends for ever;
    `step` counts failures in the present run of the schedule and starts again at a retry by hand.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for its next attempt"
        DELIVERED = "delivered", "Delivered"
        EXHAUSTED = "exhausted", "All attempts failed"
        CANCELED = "canceled", "Canceled: the endpoint was disabled or deleted"
        SUPERSEDED = "superseded", "A later event of the same payout went instead"

    id = PublicIdField(prefix="wd")
    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="deliveries", db_constraint=False
    )
    endpoint = models.ForeignKey(
        Endpoint,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    partner = models.ForeignKey(
        "partners.Partner",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    object_id = ReferenceField()
    sequence = models.PositiveIntegerField()
    message_id = models.CharField(max_length=40, db_collation="C")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    step = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    claim_id = models.UUIDField(null=True, blank=True)
    last_error = models.CharField(max_length=60, blank=True)
    misconfigured = models.BooleanField(default=False)
    event_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "message_id"], name="delivery_once_per_endpoint"
            ),
            models.CheckConstraint(
                condition=~Q(state="pending") | Q(due_at__isnull=False),
                name="delivery_pending_is_due",
            ),
            models.CheckConstraint(
                condition=Q(state="pending") | Q(claim_id__isnull=True),
                name="delivery_claimed_is_pending",
            ),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"],
                condition=Q(state="pending", attempt_count=0),
                name="delivery_fresh",
            ),
            models.Index(
                fields=["endpoint", "due_at"],
                condition=Q(state="pending", attempt_count__gt=0),
                name="delivery_retry",
            ),
            models.Index(
                fields=["object_id", "endpoint", "sequence"],
                condition=Q(state="pending"),
                name="delivery_order",
            ),
            models.Index(F("endpoint"), F("id").desc(), name="delivery_by_endpoint"),
            models.Index(
                F("endpoint"),
                F("id").desc(),
                condition=Q(state="exhausted"),
                name="delivery_exhausted",
            ),
        ]
        verbose_name_plural = "deliveries"
        permissions = [("retry_delivery", "Can retry deliveries")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"


class DeliveryAttempt(models.Model):
    """One send and its answer; `in_doubt` where the sender died before it knew."""

    class Outcome(models.TextChoices):
        DELIVERED = "delivered", "2xx"
        REFUSED = "refused", "Answered with another status"
        FAILED = "failed", "No answer"
        IN_DOUBT = "in_doubt", "The sender stopped before it knew"

    delivery = models.ForeignKey(
        Delivery,
        on_delete=models.PROTECT,
        related_name="attempts",
        db_index=False,
        db_constraint=False,
    )
    number = models.PositiveSmallIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=60, blank=True)
    detail = models.CharField(max_length=300, blank=True)
    response_body = models.BinaryField(null=True, blank=True)
    response_headers = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "number"], name="delivery_attempt_number_once"
            )
        ]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number} {self.outcome}"


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


class SigningKey(models.Model):
    """The platform's Ed25519 key for `v1a` signatures; its public half is published."""

    kid = models.CharField(max_length=43, primary_key=True, db_collation="C")
    public_key = models.BinaryField()
    private_sealed = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.kid


class MailMessage(models.Model):
    """A mail to a partner, written with the fact it tells of, sent after. `kind` is its template.

    `dedupe_key` keeps a storm of failures from becoming a storm of mails.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waiting to be sent"
        SENT = "sent", "Handed to the mail server"
        FAILED = "failed", "Given up"

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    context = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=120, unique=True, db_collation="C")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    recipient = models.EmailField(blank=True)
    subject = models.CharField(max_length=200, blank=True)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    claim_id = models.UUIDField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["due_at"], condition=Q(state="pending"), name="mail_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"
