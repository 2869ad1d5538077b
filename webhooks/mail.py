"""Mails to partners: a row in the transaction of the fact, sent afterwards by a worker.

One mail per fact and hour, however many deliveries share the fate. A crash between the mail
server's yes and our note of it can send one twice; its Message-ID is the same both times.
"""

import logging
import smtplib
import time
import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from atlaspay.core import clock
from atlaspay.core.nudge import nudge
from webhooks import sql
from webhooks.models import Delivery, Endpoint, MailMessage

log = logging.getLogger(__name__)

SEND_TASK = "webhooks.send_mail"
LEASE_S = 120
SLICE_S = 5.0
BACKOFF_S = (60, 300, 900, 3_600, 10_800, 21_600, 43_200)

_CLAIM = """
UPDATE webhooks_mailmessage
SET claim_id = %(claim)s, attempt_count = attempt_count + 1,
    due_at = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id IN (SELECT id FROM webhooks_mailmessage
             WHERE state = 'pending' AND due_at <= statement_timestamp()
             ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
_SENT = """
UPDATE webhooks_mailmessage
SET state = 'sent', claim_id = NULL, sent_at = statement_timestamp(), last_error = '',
    recipient = %(recipient)s, subject = %(subject)s
WHERE id = %(id)s AND claim_id = %(claim)s
"""
_FAILED = """
UPDATE webhooks_mailmessage
SET state = CASE WHEN attempt_count > %(tries)s THEN 'failed' ELSE 'pending' END, claim_id = NULL,
    last_error = %(error)s,
    due_at = statement_timestamp() + make_interval(secs => %(delay)s)
WHERE id = %(id)s AND claim_id = %(claim)s
"""
_HOLD_ALL = """
UPDATE webhooks_mailmessage SET due_at = statement_timestamp() + make_interval(secs => %(delay)s)
WHERE id IN (SELECT id FROM webhooks_mailmessage
             WHERE state = 'pending' AND due_at <= statement_timestamp()
             ORDER BY id FOR UPDATE SKIP LOCKED)
"""


def tell_exhausted(partner_id: str, endpoint_id: str, delivery_id: str) -> None:
    """Note that deliveries to an endpoint ended without success; one mail an hour."""
    _write(
        partner_id,
        "delivery_exhausted",
        f"exhausted:{endpoint_id}:{clock.now():%Y%m%d%H}",
        {"endpoint_id": endpoint_id, "delivery_id": delivery_id},
    )


def tell_misconfigured(
    partner_id: str, endpoint_id: str, delivery_id: str, http_status: int
) -> None:
    """Note early that an endpoint answers 401, 403 or 404; one mail a day."""
    _write(
        partner_id,
        "endpoint_misconfigured",
        f"misconfigured:{endpoint_id}:{clock.now():%Y%m%d}",
        {"endpoint_id": endpoint_id, "delivery_id": delivery_id, "http_status": http_status},
    )


def tell_failing(partner_id: str, endpoint_id: str, since: datetime, warning: int) -> None:
    """Warn (1: after a day, 2: after four) that an endpoint will be disabled after five."""
    _write(
        partner_id,
        "endpoint_failing",
        f"failing:{endpoint_id}:{since:%Y%m%d%H%M%S}:{warning}",
        {"endpoint_id": endpoint_id, "failing_since": clock.rfc3339(since)},
    )


def tell_disabled(partner_id: str, endpoint_id: str, reason: str) -> None:
    """Note that we disabled an endpoint, and why."""
    _write(
        partner_id,
        "endpoint_disabled",
        f"disabled:{endpoint_id}:{clock.now():%Y%m%d%H%M%S}",
        {"endpoint_id": endpoint_id, "reason": reason},
    )


def _write(partner_id: str, kind: str, dedupe_key: str, context: dict[str, Any]) -> None:
    message = MailMessage(partner_id=partner_id, kind=kind, dedupe_key=dedupe_key, context=context)
    MailMessage.objects.bulk_create([message], ignore_conflicts=True)
    nudge(SEND_TASK, queue="webhooks")


def send_due(slice_s: float = SLICE_S) -> int:
    """Send what is due, one by one, for a time slice; return how many the mail server took.

    Call it outside any transaction. A row is claimed with a lease before its mail is sent, so two
    workers never send the same one. Where the server cannot be reached all mails wait a minute:
    trying each in turn would hold the worker up for the timeout of every one.
    """
    ends, sent = time.monotonic() + slice_s, 0
    while time.monotonic() < ends:
        claim_id = uuid.uuid4()
        rows = sql.fetch(_CLAIM, {"claim": claim_id, "lease": float(LEASE_S)})
        if not rows:
            break
        message = MailMessage.objects.select_related("partner").get(pk=rows[0]["id"])
        mail = _render(message)
        try:
            mail.send()
        except smtplib.SMTPResponseException as error:
            _note_failure(message, claim_id, error)
        except (smtplib.SMTPException, OSError) as error:
            _note_failure(message, claim_id, error)
            sql.run(_HOLD_ALL, {"delay": float(BACKOFF_S[0])})
            break
        else:
            sent += 1
            _note_sent(message, claim_id, str(mail.subject))
    return sent


def _note_sent(message: MailMessage, claim_id: uuid.UUID, subject: str) -> None:
    recipient = message.partner.email
    values = {"id": message.pk, "claim": claim_id, "recipient": recipient, "subject": subject[:200]}
    sql.run(_SENT, values)
    log.info("mail.sent", extra={"mail_id": message.pk, "kind": message.kind})


def _note_failure(message: MailMessage, claim_id: uuid.UUID, error: Exception) -> None:
    index = min(message.attempt_count, len(BACKOFF_S)) - 1
    name = type(error).__name__
    sql.run(
        _FAILED,
        {
            "id": message.pk,
            "claim": claim_id,
            "tries": len(BACKOFF_S),
            "delay": float(BACKOFF_S[index]),
            "error": name,
        },
    )
    log.error("mail.failed", extra={"mail_id": message.pk, "kind": message.kind, "error": name})


def _render(message: MailMessage) -> EmailMessage:
    """Render `templates/email/<kind>.txt`; its first line is the subject."""
    context = dict(message.context)
    endpoint = Endpoint.objects.filter(pk=context.get("endpoint_id")).first()
    exhausted = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.EXHAUSTED)
    base_url = settings.ATLASPAY_BASE_URL.rstrip("/")
    text = render_to_string(
        f"email/{message.kind}.txt",
        {
            **context,
            "partner": message.partner,
            "endpoint": endpoint,
            "exhausted_count": exhausted.count() if message.kind == "delivery_exhausted" else 0,
            "delivery_url": f"{base_url}/v1/webhook-deliveries/{context.get('delivery_id', '')}",
            "endpoint_url": f"{base_url}/v1/webhook-endpoints/{context.get('endpoint_id', '')}",
        },
    )
    subject, _, body = text.strip().partition("\n")
    return EmailMessage(
        subject=subject.strip(),
        body=body.strip() + "\n",
        to=[message.partner.email],
        headers={
            "Message-ID": f"<mail-{message.pk}-{message.dedupe_key.replace(':', '-')}@atlaspay>",
            "Auto-Submitted": "auto-generated",
        },
    )
