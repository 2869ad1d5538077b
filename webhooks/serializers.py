"""Input and output of the webhook part of the API: no logic, services decide."""

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from atlaspay.core import clock
from atlaspay.core.ids import ALPHABET
from webhooks import diagnosis, figures, rotation, services
from webhooks.event_types import CATALOGUE, SUBSCRIBABLE
from webhooks.guard import URL_LIMIT
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, EndpointCheck
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
    """How long messages carry signatures of both secrets at most."""

    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=168,
        allow_null=True,
        default=None,
        help_text="Leave out: until your endpoint has proved that it knows the new secret.",
    )


class RetryFailedQuery(StrictSerializer):
    """Which failed deliveries."""

    since = serializers.DateTimeField(
        required=False, help_text="Created since then; left out: all of the last 30 days."
    )
    states = serializers.MultipleChoiceField(
        choices=[Delivery.State.EXHAUSTED.value, Delivery.State.CANCELED.value], required=False
    )


class FiguresQuery(StrictSerializer):
    """Which days and endpoint."""

    days = serializers.IntegerField(
        min_value=1, max_value=figures.DAYS_MAX, default=figures.DAYS_DEFAULT
    )
    endpoint_id = serializers.RegexField("^we" + _ID, required=False)


class DeliveriesQuery(StrictSerializer):
    """Filters of an endpoint's deliveries."""

    state = serializers.ChoiceField(choices=Delivery.State.choices, required=False)
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
    mode = serializers.ChoiceField(
        choices=Endpoint.Mode.values,
        help_text="`test` until the endpoint has passed its check: it gets tests only.",
    )
    proposed_url = serializers.SerializerMethodField(
        help_text="A new URL that takes the place of `url` when it has passed its check."
    )
    rotating = serializers.SerializerMethodField(
        help_text="Messages carry the signatures of the new and of the old secret."
    )
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

    @extend_schema_field({"type": ["string", "null"]})
    def get_proposed_url(self, endpoint: Endpoint) -> str | None:
        """Return the URL that waits for its check."""
        return endpoint.proposed_url or None

    @extend_schema_field({"type": "boolean"})
    def get_rotating(self, endpoint: Endpoint) -> bool:
        """Say whether both secrets sign."""
        return rotation.is_open(endpoint)

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


class FindingOut(serializers.Serializer):
    """One message of a check and what its answer showed."""

    probe = serializers.CharField(
        help_text="genuine, repeated, forged, altered, stale; or new_secret."
    )
    sent = serializers.CharField()
    expected = serializers.CharField()
    http_status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    is_ok = serializers.BooleanField()
    says = serializers.CharField()
    fix = serializers.CharField(help_text="What to do; empty where all is well.")
    duration_ms = serializers.IntegerField()


class CheckOut(serializers.Serializer):
    """A check of an endpoint, with the latest try's findings."""

    id = serializers.CharField()
    object = serializers.SerializerMethodField()
    endpoint_id = serializers.CharField()
    kind = serializers.ChoiceField(choices=EndpointCheck.Kind.choices)
    url = serializers.CharField()
    state = serializers.ChoiceField(choices=EndpointCheck.State.choices)
    summary = serializers.CharField()
    findings = FindingOut(many=True, source="results")
    attempt_count = serializers.IntegerField()
    next_attempt_at = serializers.SerializerMethodField()
    created_at = InstantField()
    finished_at = InstantField(allow_null=True)

    @extend_schema_field({"type": "string", "const": "webhook_check"})
    def get_object(self, check: EndpointCheck) -> str:
        """Return the kind of object."""
        return "webhook_check"

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_next_attempt_at(self, check: EndpointCheck) -> str | None:
        """Return when it is tried next; null while it runs and at its end."""
        is_waiting = check.state == EndpointCheck.State.PENDING and check.claim_id is None
        return clock.rfc3339(check.due_at) if is_waiting else None


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
