"""Every magic account of the sandbox bank, from a REST call to its end, with real processes.

The table is the bank's published one; nothing in it is read from the platform.
"""

import uuid
from io import StringIO
from pathlib import Path

import pytest
import requests
from django.core.management import call_command

from payouts.models import Payout, Return
from payouts.services import operator
from tests.e2e.platform import Platform
from tests.factories import ApiKeyFactory, PartnerFactory
from tests.simulator.bankproc import IBANS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e, pytest.mark.slow]

SETTLED = ("settled", "")
ENDS: dict[int, tuple[str, str]] = {
    0: SETTLED,
    1: SETTLED,
    2: ("failed", "account_invalid"),
    3: ("failed", "account_closed"),
    4: ("failed", "account_blocked"),
    5: ("failed", "account_type_unsupported"),
    6: ("failed", "beneficiary_deceased"),
    7: ("failed", "compliance_blocked"),
    8: SETTLED,
    9: SETTLED,
    10: SETTLED,
    12: ("failed", "account_closed"),
    14: SETTLED,
    16: ("returned", "account_closed"),
    17: SETTLED,
    18: SETTLED,
    19: SETTLED,
    20: SETTLED,
    21: SETTLED,
    22: ("failed", "beneficiary_name_mismatch"),
    23: ("failed", "retries_exhausted"),
}
# These wait for a person: an unknown outcome, a bank's operator, a block at the other bank.
WAITING = {11: "sending", 13: "sent", 15: "sent"}
US_ENDS = {
    ("790100016", "00"): ("settled", "rtp"),
    ("790100029", "00"): ("settled", "rtp"),
    ("790100032", "00"): ("settled", "fednow"),
    ("790100016", "05"): ("settled", "fednow"),
    ("790100045", "00"): ("failed", "fednow"),
}


def submit(platform: Platform, key: str, body: dict) -> dict:
    answer = requests.post(
        f"{platform.url}/v1/batches",
        json=body,
        headers={"Authorization": f"Bearer {key}", "Idempotency-Key": str(uuid.uuid4())},
        timeout=30,
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


def item(reference: str, amount_minor: int, country: str, account: dict) -> dict:
    return {
        "reference": reference,
        "amount_minor": amount_minor,
        "recipient": {"name": f"Recipient {reference}", "country": country, "account": account},
    }


def ends(batch_id: str) -> dict[str, tuple[str, str]]:
    rows = Payout.objects.filter(batch=batch_id)
    return {p.reference: (str(p.state), p.failure_code) for p in rows}


def test_every_magic_account_ends_as_the_bank_says(tmp_path: Path):
    partner = PartnerFactory(funded={"EUR": 10_000_00, "USD": 10_000_00})
    key = ApiKeyFactory(partner=partner).text
    with Platform(tmp_path, ATLASPAY_PAYOUT_BUDGET_S="40") as platform:
        platform.bank.configure(hang_s=4)
        platform.start_web()
        platform.start_worker()
        platform.start_beat()
        euros = submit(
            platform,
            key,
            {
                "reference": "magic-eur",
                "currency": "EUR",
                "payouts": [
                    item(f"m{nn:02d}", 9_000 + nn, "NL", {"type": "iban", "iban": iban})
                    for nn, iban in IBANS.items()
                ]
                + [item("m08-high", 10_001, "NL", {"type": "iban", "iban": IBANS[8]})],
            },
        )
        dollars = submit(
            platform,
            key,
            {
                "reference": "magic-usd",
                "currency": "USD",
                "payouts": [
                    item(
                        f"u-{routing}-{nn}",
                        5_000,
                        "US",
                        {"type": "us", "routing_number": routing, "account_number": f"2000{nn}"},
                    )
                    for routing, nn in US_ENDS
                ],
            },
        )
        platform.bank.advance(seconds=100)  # 14 posts after 90 s
        wanted = {f"m{nn:02d}": end for nn, end in ENDS.items() if nn != 16}
        wanted["m08-high"] = ("failed", "amount_over_bank_limit")

        def all_ended() -> bool:
            now = ends(euros["id"])
            platform.bank.advance(seconds=5)
            # 12 was a success to its bank before it was found rejected: its look-ups take time.
            return all(now[name][0] == end[0] for name, end in wanted.items())

        platform.wait_until(all_ended, 100)
        platform.bank.advance(days=2)
        platform.wait_until(lambda: ends(euros["id"])["m16"][0] == "returned", 30)
        platform.wait_until(lambda: Return.objects.count() == 3, 30)
        platform.wait_until(
            lambda: all(e[0] in ("settled", "failed") for e in ends(dollars["id"]).values()), 30
        )
        found = ends(euros["id"])
        audit = platform.bank.audit()
        waiting = {row.payout_id for row in operator.stuck()}
    assert {n: found[n] for n in wanted} == wanted
    assert found["m16"] == ENDS[16]
    rows = {p.reference: p for p in Payout.objects.filter(batch=euros["id"])}
    for nn, state in WAITING.items():
        assert rows[f"m{nn:02d}"].state == state
        assert rows[f"m{nn:02d}"].id in waiting
    assert rows["m09"].attempt_count == 3
    assert 0 < rows["m17"].returned_minor < rows["m17"].amount_minor
    us = {p.reference: (str(p.state), p.rail) for p in Payout.objects.filter(batch=dollars["id"])}
    assert us == {f"u-{routing}-{nn}": end for (routing, nn), end in US_ENDS.items()}
    assert (audit["double_paid"], audit["consistent"]) == (0, True)
    call_command("check_ledger", stdout=StringIO())
