"""Deliveries, attempts and figures as a partner sees them."""

from datetime import timedelta

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from atlaspay.core import clock
from webhooks import diagnosis, services
from webhooks.event_types import CATALOGUE
from webhooks.models import Delivery, DeliveryAttempt
from webhooks.resend import REPLAY_DAYS
from webhooks.serializers.fields import InstantField


class DeliveryOut(serializers.Serializer):
    """One event on its way to one endpoint."""

    id = serializers.CharField()
    object = serializers.SerializerMethodField()
    endpoint_id = serializers.CharField()
    event_id = serializers.CharField()
    event_type = serializers.ChoiceField(choices=list(CATALOGUE), source="event.type")
    object_id = serializers.CharField()
    sequence = serializers.IntegerField()
    message_id = serializers.CharField(help_text="The `webhook-id` of every attempt.")
    state = serializers.ChoiceField(choices=Delivery.State.choices)
    attempt_count = serializers.IntegerField()
    next_attempt_at = serializers.SerializerMethodField()
    last_error = serializers.CharField()
    misconfigured = serializers.BooleanField()
    replayable_until = serializers.SerializerMethodField()
    created_at = InstantField()
    delivered_at = InstantField(allow_null=True)

    @extend_schema_field({"type": "string", "const": "webhook_delivery"})
    def get_object(self, delivery: Delivery) -> str:
        """Return the kind of object."""
        return "webhook_delivery"

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_next_attempt_at(self, delivery: Delivery) -> str | None:
        """Return when it is tried next; null while an attempt is under way and at the end."""
        return None if delivery.claim_id else clock.rfc3339(delivery.due_at)

    @extend_schema_field({"type": "string", "format": "date-time"})
    def get_replayable_until(self, delivery: Delivery) -> str | None:
        """Return until when it can be retried by hand."""
        return clock.rfc3339(delivery.created_at + timedelta(days=REPLAY_DAYS))


class AttemptOut(serializers.Serializer):
    """One send and what came of it."""

    number = serializers.IntegerField()
    outcome = serializers.ChoiceField(choices=DeliveryAttempt.Outcome.values)
    http_status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    detail = serializers.CharField()
    diagnosis = serializers.SerializerMethodField()
    response_headers = serializers.DictField(child=serializers.CharField())
    response_body = serializers.SerializerMethodField()
    started_at = InstantField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)

    @extend_schema_field({"type": ["string", "null"]})
    def get_diagnosis(self, attempt: DeliveryAttempt) -> str | None:
        """Return what it most likely means."""
        return diagnosis.explain(attempt)

    @extend_schema_field({"type": "string", "description": "The first 16 KB of the answer."})
    def get_response_body(self, attempt: DeliveryAttempt) -> str:
        """Return the answer as text."""
        return bytes(attempt.response_body or b"").decode("utf-8", "replace")


class DeliveryDetail(DeliveryOut):
    """A delivery with what was sent and its attempts."""

    url = serializers.CharField(source="endpoint.url", help_text="Where the next attempt goes.")
    request_body = serializers.SerializerMethodField()
    redirect_to = serializers.SerializerMethodField(
        help_text="Where the last answer pointed; adopt it with `adopt-redirect`."
    )
    attempts = AttemptOut(many=True)

    @extend_schema_field({"type": "string", "description": "The exact bytes of every attempt."})
    def get_request_body(self, delivery: Delivery) -> str:
        """Return the body as text; it is UTF-8 by construction."""
        return bytes(delivery.event.body).decode()

    @extend_schema_field({"type": ["string", "null"]})
    def get_redirect_to(self, delivery: Delivery) -> str | None:
        """Return the target of the last redirect."""
        return services.redirect_target(delivery)


class RetryFailedOut(serializers.Serializer):
    """How many deliveries are due again, or would be."""

    count = serializers.IntegerField()
    has_more = serializers.BooleanField(help_text="Call again for the rest.")
    since = InstantField()
    states = serializers.ListField(child=serializers.CharField())


class DayFiguresOut(serializers.Serializer):
    """One day (UTC) of deliveries."""

    on = serializers.DateField(source="on_day")
    events = serializers.IntegerField()
    delivered = serializers.IntegerField()
    pending = serializers.IntegerField()
    exhausted = serializers.IntegerField()
    dropped = serializers.IntegerField(help_text="Canceled or superseded.")
    delivered_share = serializers.FloatField(
        allow_null=True, help_text="Of those delivered or exhausted; promised: 0.999."
    )
    prompt_share = serializers.FloatField(
        allow_null=True, help_text="The same, within 30 seconds; promised: 0.99."
    )
    latency_p50_s = serializers.FloatField(allow_null=True)
    latency_p95_s = serializers.FloatField(allow_null=True)
    latency_p99_s = serializers.FloatField(allow_null=True)
    first_attempt_p99_s = serializers.FloatField(allow_null=True)
