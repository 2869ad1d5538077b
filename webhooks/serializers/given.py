"""Input of the webhook part of the API: no logic, services decide."""

from rest_framework import serializers

from atlaspay.core.ids import ALPHABET
from webhooks import figures
from webhooks.event_types import SUBSCRIBABLE
from webhooks.guard import URL_LIMIT
from webhooks.models import Delivery, Endpoint
from webhooks.serializers.fields import StrictSerializer, TextField

LIMIT_DEFAULT, LIMIT_MAX = 25, 100
FEED_DEFAULT, FEED_MAX = 100, 500
_ID = f"_[0-7][{ALPHABET}]{{25}}$"


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
