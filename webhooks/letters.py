"""Writing a mail: `templates/webhooks/mail/<kind>.txt` and `.html`, with links into the portal.

The first line of the text is the subject. Rooms above write mails of their own: the part of a kind
before its full stop says whose it is.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime

from atlaspay.core.errors import AtlasError
from webhooks import diagnosis
from webhooks.models import Delivery, Endpoint, MailMessage

SUBJECT_LENGTH = 150
DISABLE_AFTER = timedelta(days=5)


class ObsoleteError(AtlasError):
    """What the mail would tell is true no longer: it is not sent."""


@dataclass(frozen=True, slots=True)
class Written:
    """A mail of another room: to whom, and its text, whose first line is the subject."""

    to: str
    text: str


# Whose kinds these are -> who writes them; raises ObsoleteError. A room above registers its own.
WRITERS: dict[str, Callable[[MailMessage], Written]] = {}


def compose(message: MailMessage) -> EmailMultiAlternatives:
    """Return the mail of a row. Raises ValueError where a header would break, ObsoleteError."""
    room, dot, _ = message.kind.partition(".")
    if dot:
        if room not in WRITERS:
            raise ValueError(f"nobody writes mails of {room}")
        written = WRITERS[room](message)
        return _letter(message, written.to, written.text)
    context = _context(message)
    text = render_to_string(f"webhooks/mail/{message.kind}.txt", context)
    letter = _letter(message, message.partner.email, text)
    values = {**context, "subject": letter.subject}
    html = render_to_string(f"webhooks/mail/{message.kind}.html", values)
    letter.attach_alternative(html, "text/html")
    return letter


def _letter(message: MailMessage, to: str, text: str) -> EmailMultiAlternatives:
    first, _, body = text.strip().partition("\n")
    return EmailMultiAlternatives(
        subject=" ".join(first.split())[:SUBJECT_LENGTH],
        body=body.strip() + "\n",
        to=[to],
        headers={
            "Message-ID": _message_id(message),
            "Auto-Submitted": "auto-generated",
        },
    )


def delivery_link(delivery_id: str) -> str:
    """Return the portal's page of a delivery."""
    return f"{_base_url()}/portal/webhooks/deliveries/{delivery_id}/"


def endpoint_link(endpoint_id: str) -> str:
    """Return the portal's page of an endpoint."""
    return f"{_base_url()}/portal/webhooks/{endpoint_id}/"


def _context(message: MailMessage) -> dict[str, Any]:
    facts = dict(message.context)
    endpoint = Endpoint.objects.filter(pk=facts.get("endpoint_id")).first()
    delivery_id = facts.get("delivery_id", "")
    failing_since = parse_datetime(facts.get("failing_since") or "")
    is_exhausted = message.kind == "delivery_exhausted"
    return {
        **facts,
        "failing_since": failing_since,
        "disabled_at": failing_since + DISABLE_AFTER if failing_since else None,
        "partner": message.partner,
        "endpoint": endpoint,
        "host": urlsplit(endpoint.url).hostname if endpoint else "",
        "exhausted_count": _exhausted_count(endpoint) if is_exhausted else 0,
        "meaning": _meaning(delivery_id),
        "delivery_link": delivery_link(delivery_id) if delivery_id else "",
        "endpoint_link": endpoint_link(facts.get("endpoint_id", "")),
        "api_url": _base_url() + "/v1",
    }


def _exhausted_count(endpoint: Endpoint | None) -> int:
    found = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.EXHAUSTED)
    return found.count()


def _meaning(delivery_id: str) -> str:
    """Return the diagnosis of a delivery's last attempt."""
    delivery = Delivery.objects.filter(pk=delivery_id).first() if delivery_id else None
    last = delivery.attempts.order_by("-number").first() if delivery else None
    return (diagnosis.explain(last) or "") if last else ""


def _message_id(message: MailMessage) -> str:
    host = urlsplit(settings.ATLASPAY_BASE_URL).hostname or "localhost"
    # By the key as well: numbers come again after a restore. Short: a folded id is read wrongly.
    digest = hashlib.sha256(message.dedupe_key.encode()).hexdigest()[:16]
    return f"<mail-{message.pk}-{digest}@{host}>"


def _base_url() -> str:
    return str(settings.ATLASPAY_BASE_URL).rstrip("/")
