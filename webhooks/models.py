"""The outbox (Event), where it goes (Endpoint), and what became of it (Delivery, DeliveryAttempt)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from simple_history.models import HistoricalRecords

from atlaspay.core.models import PublicIdField, ReferenceField


class Event(models.Model):
    """One fact a partner is told of: the exact bytes that are signed, sent, and served by the feed.

    `xid` is the writing transaction: the feed is ordered by (xid, position) and shows only what every older
    transaction can no longer precede, so that a cursor never skips a late commit.
    """

    id = PublicIdField(prefix="ev")
    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")
    type = models.CharField(max_length=40)
    object_id = ReferenceField()
    sequence = models.PositiveIntegerField()
    body = models.BinaryField()
    position = models.BigIntegerField(db_default=0, editable=False)
    xid = models.BigIntegerField(db_default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["partner", "xid", "position"], name="event_feed"),
            models.Index(fields=["object_id", "sequence"], name="event_object"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.object_id}"


class Endpoint(models.Model):
    """A partner's URL that receives events. Never updated on every attempt: health is derived from deliveries."""

    class Status(models.TextChoices):
        ENABLED = "enabled", "Enabled"
        DISABLED = "disabled", "Disabled"

    id = PublicIdField(prefix="we")
    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="endpoints")
    url = models.URLField(max_length=500)
    description = models.CharField(max_length=140, blank=True)
    event_types = ArrayField(models.CharField(max_length=40), default=list, blank=True, help_text="Empty: all events.")
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.ENABLED)
    disabled_reason = models.CharField(max_length=140, blank=True)
    secret_sealed = models.BinaryField()
    previous_secret_sealed = models.BinaryField(null=True, blank=True)
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    history = HistoricalRecords(excluded_fields=["secret_sealed", "previous_secret_sealed"])

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One event on its way to one endpoint: a row in a waiting state with a due time is the queue."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting for its next attempt"
        DELIVERED = "delivered", "Delivered"
        EXHAUSTED = "exhausted", "All attempts failed"
        CANCELED = "canceled", "Canceled: the endpoint was disabled or deleted"

    id = PublicIdField(prefix="wd")
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+")
    object_id = ReferenceField()
    sequence = models.PositiveIntegerField()
    message_id = models.CharField(max_length=40, db_collation="C")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempt_count = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    claim_id = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=60, blank=True)
    misconfigured = models.BooleanField(default=False)
    event_at = models.DateTimeField(db_default=Now())
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "message_id"], name="delivery_once_per_endpoint")]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], condition=Q(state="pending"), name="delivery_due"),
            models.Index(fields=["object_id", "endpoint", "sequence"], condition=Q(state="pending"), name="delivery_order"),
            models.Index(fields=["endpoint", "created_at"], name="delivery_by_endpoint"),
        ]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"


class DeliveryAttempt(models.Model):
    """One send: what was answered, how long it took; `in_doubt` where the sender died before it knew."""

    class Outcome(models.TextChoices):
        DELIVERED = "delivered", "2xx"
        REFUSED = "refused", "Answered with another status"
        FAILED = "failed", "No answer"
        IN_DOUBT = "in_doubt", "The sender stopped before it knew"

    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="attempts")
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
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="delivery_attempt_number_once")]
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number} {self.outcome}"
