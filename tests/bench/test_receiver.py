"""The receiver of the benchmarks believes no message whose signature it has not verified."""

import base64
import hashlib
import hmac
import time

import pytest

from bench.receiver import Ledger

KEY = b"receiver of the benchmarks, test"
BODY = b'{"id":"ev_01","type":"payout.settled","data":{}}'


@pytest.fixture
def ledger():
    made = Ledger()
    made.keys.append(KEY)
    return made


def headers(body=BODY, *, message_id=b"msg_1", key=KEY, age_s=0):
    sent_at = str(int(time.time()) - age_s).encode()
    good = hmac.digest(key, message_id + b"." + sent_at + b"." + body, hashlib.sha256)
    return {
        b"webhook-id": message_id,
        b"webhook-timestamp": sent_at,
        b"webhook-signature": b"v1a,other v1," + base64.b64encode(good),
    }


def test_a_good_message_counts_once_and_its_repetition_as_duplicate(ledger):
    assert ledger.take(headers(), BODY)
    assert ledger.take(headers(), BODY)
    assert (ledger.received, len(ledger.arrivals), ledger.duplicates) == (2, 1, 1)
    assert ledger.types == {"payout.settled": 1}
    assert ledger.arrivals["msg_1"][0] == "ev_01"


@pytest.mark.parametrize(
    ("sent", "body", "fault"),
    [
        (lambda: headers(key=b"another key"), BODY, "no signature fits"),
        (headers, BODY + b" ", "no signature fits"),
        (lambda: headers(age_s=301), BODY, "timestamp is too old or too new"),
        (lambda: {b"webhook-id": b"msg_1"}, BODY, "no webhook-timestamp header"),
        (lambda: headers(b"{}"), b"{}", "body is no event"),
    ],
    ids=["forged", "altered", "stale", "bare", "no event"],
)
def test_a_bad_message_is_refused_and_counted_as_invalid(ledger, sent, body, fault):
    # Signed when it is sent, not when tests are collected, minutes before in a long run.
    assert not ledger.take(sent(), body)
    assert ledger.invalid == {fault: 1}
    assert ledger.arrivals == {}
    assert ledger.duplicates == 0
