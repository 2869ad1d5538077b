"""The outbox, where it goes, and what became of it."""

from webhooks.models.endpoints import Endpoint, EndpointCheck, EndpointHealth
from webhooks.models.events import Delivery, DeliveryAttempt, Event
from webhooks.models.rollups import DeliveryRollup, DeliveryRollupMark, DeliveryTime
from webhooks.models.sending import MailMessage, SigningKey

__all__ = [
    "Delivery",
    "DeliveryAttempt",
    "DeliveryRollup",
    "DeliveryRollupMark",
    "DeliveryTime",
    "Endpoint",
    "EndpointCheck",
    "EndpointHealth",
    "Event",
    "MailMessage",
    "SigningKey",
]
