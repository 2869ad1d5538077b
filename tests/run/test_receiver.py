"""The demo receiver accepts what is signed right and nothing else."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from atlaspay.run.receiver import Receiver, decode_secret, verify
from tests.embedded.homes import ROOT

# The test vector of the Standard Webhooks libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'
OTHER = "whsec_" + base64.b64encode(b"another key of thirty-two bytes!").decode()


def _signed(body: bytes, *, secret: str = SECRET, id_: str = "msg_1") -> dict[str, str]:
    sent_at = str(int(time.time()))
    digest = hmac.new(decode_secret(secret), f"{id_}.{sent_at}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(digest.digest()).decode()
    return {"webhook-id": id_, "webhook-timestamp": sent_at, "webhook-signature": signature}


def test_published_vector_verifies() -> None:
    keys = [decode_secret(SECRET)]
    assert verify(keys, VECTOR, BODY, now=1614265330) is None


def test_altered_body_foreign_key_and_no_key_are_refused() -> None:
    keys = [decode_secret(SECRET)]
    assert verify(keys, VECTOR, BODY + b" ", now=1614265330) == "no signature fits"
    assert verify([decode_secret(OTHER)], VECTOR, BODY, now=1614265330) == "no signature fits"
    assert verify([], VECTOR, BODY, now=1614265330) == "no signature fits"


def test_one_good_signature_among_others_is_enough_while_keys_rotate() -> None:
    headers = {**VECTOR, "webhook-signature": "v1a,x v1,AAAA " + VECTOR["webhook-signature"]}
    keys = [decode_secret(OTHER), decode_secret(SECRET)]
    assert verify(keys, headers, BODY, now=1614265330) is None


@pytest.mark.parametrize(
    ("age_s", "is_good"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_message_is_good_for_five_minutes(age_s: int, is_good: bool) -> None:
    fault = verify([decode_secret(SECRET)], VECTOR, BODY, now=1614265330 + age_s)
    assert fault == (None if is_good else "timestamp is too old or too new")


@pytest.mark.parametrize("name", sorted(VECTOR))
def test_each_header_is_needed(name: str) -> None:
    headers = {key: value for key, value in VECTOR.items() if key != name}
    assert verify([decode_secret(SECRET)], headers, BODY, now=1614265330) == f"no {name} header"


def test_counts_keep_what_was_good_apart_from_what_was_not() -> None:
    receiver = Receiver([SECRET], keep=2)
    shown = {"id": "po_1", "status": "settled"}
    payload = {"type": "payout.settled", "sequence": 2, "data": {"payout": shown}}
    for number in (1, 2, 3):
        body = json.dumps({"id": f"ev_{number}", **payload}).encode()
        assert receiver.take(_signed(body, id_=f"msg_{number}"), body) is None
    assert receiver.take(_signed(body, id_="msg_3"), body) is None
    assert receiver.take(_signed(body, secret=OTHER), body) == "no signature fits"
    assert receiver.take(_signed(b"no json"), b"no json") == "payload is no event"
    stats = receiver.stats()
    assert (stats["received"], stats["valid"], stats["invalid"]) == (6, 4, 2)
    assert (stats["distinct"], stats["duplicates"]) == (3, 1)
    assert stats["types"] == {"payout.settled": 4}
    assert stats["invalid_by_reason"] == {"no signature fits": 1, "payload is no event": 1}


@dataclass(frozen=True)
class Running:
    url: str
    pid: int


@pytest.fixture
def running() -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "atlaspay.run.receiver", "--port", str(port), "--secret", SECRET],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"demo receiver listens on http://127.0.0.1:{port}/\n"
    yield Running(f"http://127.0.0.1:{port}", process.pid)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_process_takes_refuses_and_reports(running: Running) -> None:
    body = b'{"id":"ev_1","type":"payout.failed","data":{"payout":{"id":"po_1"}}}'
    good = requests.post(f"{running.url}/webhooks", data=body, headers=_signed(body), timeout=5)
    bad = requests.post(
        f"{running.url}/webhooks", data=body, headers=_signed(body, secret=OTHER), timeout=5
    )
    assert (good.status_code, bad.status_code) == (204, 400)
    assert bad.json() == {"error": "no signature fits"}
    stats = requests.get(f"{running.url}/stats", timeout=5).json()
    assert (stats["valid"], stats["invalid"]) == (1, 1)
    events = requests.get(f"{running.url}/events?limit=5", timeout=5).json()["events"]
    assert [(event["id"], event["object_id"]) for event in events] == [("ev_1", "po_1")]
    more = {"secrets": [OTHER]}
    assert requests.put(f"{running.url}/secrets", json=more, timeout=5).status_code == 204
    again = _signed(body, secret=OTHER)
    assert requests.post(running.url, data=body, headers=again, timeout=5).status_code == 204
    assert requests.put(f"{running.url}/secrets", data="x", timeout=5).status_code == 400
    assert requests.post(f"{running.url}/reset", timeout=5).status_code == 204
    assert requests.get(f"{running.url}/stats", timeout=5).json()["received"] == 0
    assert requests.get(f"{running.url}/nowhere", timeout=5).status_code == 404


def test_taken_port_is_one_line(running: Running) -> None:
    port = running.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "atlaspay.run.receiver"],
        cwd=ROOT,
        env={**os.environ, "DEMO_RECEIVER_PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"atlaspay: cannot listen on 127.0.0.1:{port} (")
    assert done.stderr.endswith("set DEMO_RECEIVER_PORT to a free port\n")
    assert done.stderr.count("\n") == 1
