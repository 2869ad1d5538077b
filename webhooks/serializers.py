"""Input and output of the webhook part of the API: no logic, services decide."""

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from atlaspay.core import clock
from atlaspay.core.ids import ALPHABET
from webhooks import diagnosis
from webhooks.event_types import CATALOGUE, SUBSCRIBABLE
from webhooks.guard import URL_LIMIT
from webhooks.models import Delivery, DeliveryAttempt, Endpoint
from webhooks.resend import REPLAY_DAYS

LIMIT_DEFAULT, LIMIT_MAX = 25, 100
FEED_DEFAULT, FEED_MAX = 100, 500
_ID = f"_[0-7][{ALPHABET}]{{25}}$"


@extend_schema_field(
    {"type": "string", "format": "date-time", "example": "2026-11-22T10:00:00.000Z"}
)
class InstantField(serializers.Field):
    """An instant as RFC 3339 with milliseconds and Z."""

    def to_representation(self, value: datetime) -> str | None:
        """Return the text."""
        return clock.rfc3339(value)


class TextField(serializers.CharField):
    """A string and nothing that could be turned into one."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Refuses numbers and booleans."""
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictSerializer(serializers.Serializer):
    """Refuses members it does not know: a misspelled field must not be ignored in silence."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated members."""
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {name: ["This field is not known here."] for name in unknown},
                    code="unknown_field",
                )
        return super().to_internal_value(data)


class EndpointIn(StrictSerializer):
    """A new endpoint."""

    url = TextField(max_length=URL_LIMIT, help_text="https, port 443 or 8443, a public host name.")
    description = TextField(max_length=140, allow_blank=True, required=False, default="")
    event_types = serializers.ListField(
        child=TextField(max_length=40),
        max_length=len(SUBSCRIBABLE),
        required=False,
        default=list,
        help_text="Which events to send; empty for all.",
    )


class EndpointChanges(StrictSerializer):
    """What may be changed of an endpoint."""

    url = TextField(max_length=URL_LIMIT, required=False)
    description = TextField(max_length=140, allow_blank=True, required=False)
    event_types = serializers.ListField(
        child=TextField(max_length=40), max_length=len(SUBSCRIBABLE), required=False
    )
    status = serializers.ChoiceField(choices=Endpoint.Status.values, required=False)


class RotationIn(StrictSerializer):
    """How long messages carry signatures of both secrets."""

    overlap_hours = serializers.IntegerField(min_value=0, max_value=168, default=24)


class DeliveriesQuery(StrictSerializer):
    """Filters of an endpoint's deliveries."""

    state = serializers.ChoiceField(choices=Delivery.State.values, required=False)
    cursor = serializers.RegexField("^wd" + _ID, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LIMIT_MAX, default=LIMIT_DEFAULT)


class FeedQuery(StrictSerializer):
    """Where the feed goes on."""

    after = serializers.RegexField(
        "^ev" + _ID, required=False, help_text="The last event you have; leave out for the first."
    )
    limit = serializers.IntegerField(min_value=1, max_value=FEED_MAX, default=FEED_DEFAULT)


class EndpointOut(serializers.Serializer):
    """An endpoint as its partner sees it."""

    id = serializers.CharField()
    object = serializers.SerializerMethodField()
    url = serializers.CharField()
    description = serializers.CharField()
    event_types = serializers.ListField(child=serializers.CharField())
    status = serializers.ChoiceField(choices=Endpoint.Status.values)
    disabled_reason = serializers.CharField()
    previous_secret_until = InstantField(allow_null=True)
    failing_since = serializers.SerializerMethodField()
    paused_until = serializers.SerializerMethodField(
        help_text="Set while we hold back because the endpoint cannot be reached."
    )
    created_at = InstantField()
    updated_at = InstantField()

    @extend_schema_field({"type": "string", "const": "webhook_endpoint"})
    def get_object(self, endpoint: Endpoint) -> str:
        """Return the kind of object."""
        return "webhook_endpoint"

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_failing_since(self, endpoint: Endpoint) -> str | None:
        """Return when the first failure after the last success was."""
        health = getattr(endpoint, "health", None)
        return clock.rfc3339(health.failing_since) if health else None

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_paused_until(self, endpoint: Endpoint) -> str | None:
        """Return the end of the present pause."""
        health = getattr(endpoint, "health", None)
        until = health.breaker_open_until if health else None
        return clock.rfc3339(until) if until and until > clock.now() else None


class EndpointCreated(EndpointOut):
    """A new endpoint with its secret, which is shown here and never again."""

    secret = serializers.CharField()


class SecretOut(serializers.Serializer):
    """The new secret, shown once."""

    secret = serializers.CharField()
    previous_secret_until = InstantField(allow_null=True)


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
    state = serializers.ChoiceField(choices=Delivery.State.values)
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
    """A delivery with its attempts."""

    attempts = AttemptOut(many=True)


@extend_schema_field({"type": "string", "const": "list"})
class ListWord(serializers.CharField):
    """The word every page says it is."""


def page_of(child: type[serializers.Serializer], name: str) -> serializers.Serializer:
    """Return the schema of a cursor page of `child`."""
    members = {
        "object": ListWord(),
        "data": child(many=True),
        "has_more": serializers.BooleanField(),
        "next_cursor": serializers.CharField(allow_null=True),
    }
    made: serializers.Serializer = type(name, (serializers.Serializer,), members)()
    return made
