"""Endpoints, their secrets and their checks as a partner sees them."""

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from atlaspay.core import clock
from webhooks import rotation
from webhooks.models import Endpoint, EndpointCheck
from webhooks.serializers.fields import InstantField


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
