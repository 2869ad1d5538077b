"""Input and output of the webhook part of the API."""

from webhooks.serializers.deliveries import (
    AttemptOut,
    DayFiguresOut,
    DeliveryDetail,
    DeliveryOut,
    RetryFailedOut,
)
from webhooks.serializers.endpoints import (
    CheckOut,
    EndpointCreated,
    EndpointOut,
    FindingOut,
    SecretOut,
)
from webhooks.serializers.fields import StrictSerializer, page_of
from webhooks.serializers.given import (
    DeliveriesQuery,
    EndpointChanges,
    EndpointIn,
    FeedQuery,
    FiguresQuery,
    RetryFailedQuery,
    RotationIn,
)

__all__ = [
    "AttemptOut",
    "CheckOut",
    "DayFiguresOut",
    "DeliveriesQuery",
    "DeliveryDetail",
    "DeliveryOut",
    "EndpointChanges",
    "EndpointCreated",
    "EndpointIn",
    "EndpointOut",
    "FeedQuery",
    "FiguresQuery",
    "FindingOut",
    "RetryFailedOut",
    "RetryFailedQuery",
    "RotationIn",
    "SecretOut",
    "StrictSerializer",
    "page_of",
]
