"""Redis emptied, workers of every kind killed, the bank restarted: all work goes on."""

import json
import random
import time
import uuid
from io import StringIO
from pathlib import Path

import pytest
import requests
from django.core.management import call_command

from atlaspay.core.redis import client as redis_client
from payouts.models import Payout
from tests.e2e.platform import Platform
from tests.factories import ApiKeyFactory, PartnerFactory
from tests.webhooks.receiver import ReceiverThread
from webhooks.models import Delivery, Event
from webhooks.services import create_endpoint

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash, pytest.mark.slow]

BATCHES, SIZE = 6, 25
PATIENCE_S = 150


def submit(platform: Platform, key: str, number: int, patience_s: float = 30) -> None:
    """POST a batch, repeating with the same key until it is answered, as a partner should."""
    body = {
        "reference": f"chaos-{number}",
        "currency": "EUR",
        "payouts": [
            {
                "reference": f"c{number}-{item}",
                "amount_minor": 100 + item,
                "recipient": {
                    "name": f"Seller {number} {item}",
                    "country": "NL",
                    "account": {"type": "iban", "iban": "NL64ATLS0000000000"},
                },
            }
            for item in range(SIZE)
        ],
    }
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": str(uuid.uuid4())}
    until = time.monotonic() + patience_s
    while True:
        try:
            answer = requests.post(
                f"{platform.url}/v1/batches", json=body, headers=headers, timeout=10
            )
        except requests.RequestException:
            answer = None
        if answer is not None and answer.status_code == 202:
            return
        assert time.monotonic() < until, answer.text if answer is not None else "no answer"
        time.sleep(0.1)


def settled() -> int:
    return Payout.objects.filter(state="settled").count()


def test_nothing_is_lost_whatever_dies(tmp_path: Path):
    """All go to one account, so the velocity rule holds those past the 25th: they end in review."""
    partner = PartnerFactory(funded={"EUR": 10_000_00})
    key = ApiKeyFactory(partner=partner).text
    chance = random.Random(7)
    with Platform(tmp_path, ATLASPAY_LEASE_S="3") as platform:
        listening = ReceiverThread()
        create_endpoint(partner.id, url=f"{listening.receiver.url}/ok/shop", is_vouched=True)
        platform.bank.configure(latency={"kind": "fixed", "ms": 40})
        platform.start_web()
        platform.start_beat()
        platform.start_worker()
        platform.start_worker("webhooks", "webhooks", 1)

        def revive() -> None:
            if "dispatch" not in platform.running:
                platform.start_worker()
            if "webhooks" not in platform.running:
                platform.start_worker("webhooks", "webhooks", 1)
            if "beat" not in platform.running:
                platform.start_beat()
            if "web" not in platform.running:
                platform.start_web()

        for number in range(BATCHES):
            submit(platform, key, number)
            match number % 6:
                case 0:
                    redis_client().flushdb()
                case 1:
                    platform.end("dispatch")
                case 2:
                    platform.end("webhooks")
                case 3:
                    platform.bank.kill()
                    time.sleep(chance.uniform(0, 0.5))  # how long it is away is chance
                    platform.bank.start()
                case 4:
                    platform.end("beat")
                    redis_client().flushdb()
                case 5:
                    platform.end("web")
            revive()
        total = BATCHES * SIZE
        platform.wait_until(
            lambda: Payout.objects.exclude(state__in=["settled", "in_review"]).count() == 0,
            PATIENCE_S,
        )
        assert Payout.objects.count() == total
        paid = settled()
        waiting = Delivery.objects.exclude(state="delivered")
        platform.wait_until(lambda: not waiting.exists(), PATIENCE_S)
        audit = platform.bank.audit()
    told = {json.loads(one.body)["id"] for one in listening.receiver.got}
    listening.stop()
    assert told == set(Event.objects.values_list("id", flat=True))
    assert Event.objects.filter(type="payout.settled").count() == paid
    assert (audit["double_paid"], audit["payouts_paid"], audit["consistent"]) == (0, paid, True)
    call_command("check_ledger", stdout=StringIO())
    call_command("verify_audit", stdout=StringIO())
