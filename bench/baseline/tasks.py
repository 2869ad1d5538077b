"""A task per payout and a task per webhook."""

import base64
import hmac
import json
import time
import uuid
from functools import lru_cache, partial

import requests
from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bench.baseline.models import Payout

BANK_TIMEOUT_S = 20
HOOK_TIMEOUT_S = 8


@lru_cache(maxsize=2)
def _http(purpose: str) -> requests.Session:
    """Return this process's session for the bank or for receivers; connections are kept alive."""
    session = requests.Session()
    session.trust_env = False
    if purpose == "bank":
        session.headers["Authorization"] = f"Bearer {settings.BANK_API_KEY}"
    return session


@shared_task(name="baseline.process_payout")
def process_payout(payout_id: int) -> None:
    """Send one payout to the bank and settle it."""
    with transaction.atomic():
        payout = Payout.objects.select_for_update().get(pk=payout_id)
        payout.process()
        payout.save()
    answer = _http("bank").post(
        f"{settings.BANK_URL}/v1/transfers",
        json={
            "rail": "sepa_inst",
            "amount_minor": payout.amount_minor,
            "currency": "EUR",
            "debtor_account_id": "acct_eur",
            "creditor": {
                "name": payout.recipient_name,
                "country": payout.recipient_country,
                "account": {"type": "iban", "iban": payout.iban},
            },
            "end_to_end_id": f"baseline{payout.pk}-1",
        },
        headers={"Idempotency-Key": f"baseline-{payout.pk}"},
        timeout=BANK_TIMEOUT_S,
    )
    answer.raise_for_status()
    with transaction.atomic():
        payout = Payout.objects.select_for_update().get(pk=payout_id)
        payout.bank_reference = answer.json()["id"]
        if answer.json()["status"] == "settled":
            payout.settle()
            payout.settled_at = timezone.now()
        else:
            payout.fail()
        payout.save()
        transaction.on_commit(partial(deliver_webhook.delay, payout_id))


@shared_task(
    name="baseline.deliver_webhook",
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    max_retries=12,
)
def deliver_webhook(payout_id: int) -> None:
    """Tell the partner of one payout's end, signed after Standard Webhooks."""
    payout = Payout.objects.select_related("batch").get(pk=payout_id)
    body = json.dumps(
        {
            "id": f"ev_{uuid.uuid5(uuid.NAMESPACE_OID, str(payout_id)).hex}",
            "type": f"payout.{payout.state}",
            "timestamp": payout.updated_at.isoformat(),
            "data": {
                "id": payout.pk,
                "batch": payout.batch.reference,
                "reference": payout.reference,
                "amount_minor": payout.amount_minor,
                "currency": payout.batch.currency,
                "status": payout.state,
                "recipient": {"name": payout.recipient_name, "last4": payout.iban[-4:]},
            },
        },
        separators=(",", ":"),
    ).encode()
    message_id = f"msg_{payout_id}"
    sent_at = str(int(time.time()))
    key = base64.b64decode(settings.HOOK_SECRET.removeprefix("whsec_"))
    signed = f"{message_id}.{sent_at}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    answer = _http("hooks").post(
        settings.HOOK_URL,
        data=body,
        headers={
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": sent_at,
            "webhook-signature": f"v1,{signature}",
        },
        timeout=HOOK_TIMEOUT_S,
        allow_redirects=False,
    )
    answer.raise_for_status()
