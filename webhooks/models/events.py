"""The outbox (Event) and what became of it (Delivery, DeliveryAttempt).

Rows in a waiting state with a due time are the queue; `webhooks.delivery` knows the rules.
"""

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast, Now

from atlaspay.core.models import PublicIdField, ReferenceField
from webhooks.models.endpoints import Endpoint


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
                condition=Q(state__in=["exhausted", "canceled"]),
                name="delivery_failed",
            ),
            models.Index(
                F("endpoint"),
                F("id").desc(),
                condition=Q(state="superseded"),
                name="delivery_superseded",
            ),
        ]
        verbose_name_plural = "deliveries"
        permissions = [("retry_delivery", "Can retry deliveries")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.state}"


class DeliveryAttempt(models.Model):
    """One send and its answer; `in_doubt` where the sender died before it knew. `gave_up`: with it
    the schedule ended.
    """

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
    gave_up = models.BooleanField(default=False, db_default=False)
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
