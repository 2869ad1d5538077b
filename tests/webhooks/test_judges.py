"""What we send, judged by verifiers that others wrote, in Python and JavaScript, also while a
secret rotates: each takes the genuine messages and refuses forged, altered and old ones.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable

import openai
import pytest
import standardwebhooks
import svix.webhooks
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.webhooks import outside
from tests.webhooks.factories import emit, make_endpoint
from webhooks import rotation, signing, signing_keys
from webhooks.delivery.loop import run_deliveries

pytestmark = pytest.mark.django_db

NODE = shutil.which("node")
NPM = outside.JUDGES / "node_modules"
Judge = Callable[[str, dict[str, str], bytes], bool]


def by_standardwebhooks(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        standardwebhooks.Webhook(secret).verify(body, headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


def by_svix(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        svix.webhooks.Webhook(secret).verify(body, headers)
    except svix.webhooks.WebhookVerificationError:
        return False
    return True


def by_openai(secret: str, headers: dict[str, str], body: bytes) -> bool:
    client = openai.OpenAI(api_key="none", webhook_secret=secret)
    try:
        client.webhooks.verify_signature(body, headers)
    except openai.InvalidWebhookSignatureError:
        return False
    finally:
        client.close()
    return True


SCRIPT = """
const { Webhook } = require("standardwebhooks");
const { secret, headers, body } = JSON.parse(require("fs").readFileSync(0, "utf8"));
try {
  new Webhook(secret).verify(Buffer.from(body, "base64").toString("utf8"), headers);
  process.stdout.write("yes");
} catch (error) {
  if (error.constructor.name !== "WebhookVerificationError") throw error;
  process.stdout.write("no");
}
"""


def by_npm(secret: str, headers: dict[str, str], body: bytes) -> bool:
    if NODE is None or not (NPM / "standardwebhooks").is_dir():
        outside.missing("npm's standardwebhooks")
    question = {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
    done = subprocess.run(
        [NODE, "-e", SCRIPT],
        input=json.dumps(question),
        env={**os.environ, "NODE_PATH": str(NPM)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout == "yes"


JUDGES = [by_standardwebhooks, by_svix, by_openai, by_npm]


@pytest.fixture(params=JUDGES, ids=lambda one: one.__name__)
def judge(request) -> Judge:
    """Return one judge after the other."""
    return request.param


def sent(receiver) -> tuple[dict[str, str], bytes]:
    """Send what is due and return headers (lower case) and body of the last message."""
    run_deliveries()
    got = receiver.got[-1]
    return {name.lower(): value for name, value in got.headers.items()}, got.body


def test_genuine_messages_are_taken_and_others_refused(judge, receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    emit(endpoint.partner, data={"payout": {"name": "Zoë Ångström 中文", "note": 'a"b\\c'}})
    headers, body = sent(receiver)
    assert judge(endpoint.secret, headers, body)
    assert not judge(endpoint.secret, headers, body.replace(b"payout.settled", b"payout.failed_"))
    assert not judge(signing.new_secret(), headers, body)
    assert not judge(endpoint.secret, {**headers, "webhook-id": "msg_other"}, body)
    later = str(int(headers["webhook-timestamp"]) + 1)
    assert not judge(endpoint.secret, {**headers, "webhook-timestamp": later}, body)
    forged = signing.sign(
        headers["webhook-id"],
        int(headers["webhook-timestamp"]),
        body,
        keys=[secrets.token_bytes(32)],
    )
    assert not judge(endpoint.secret, {**headers, "webhook-signature": forged}, body)


def test_an_old_message_is_refused_though_its_signature_is_right(judge, receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    emit(endpoint.partner)
    headers, body = sent(receiver)
    keys = [signing.decode_secret(endpoint.secret)]
    for age_s, is_good in ((0, True), (20 * 60, False)):
        at_s = int(time.time()) - age_s
        signature = signing.sign(headers["webhook-id"], at_s, body, keys=keys)
        aged = {**headers, "webhook-timestamp": str(at_s), "webhook-signature": signature}
        assert judge(endpoint.secret, aged, body) is is_good


def test_while_a_secret_rotates_the_old_and_the_new_are_both_good(judge, receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    new = rotation.rotate_secret(endpoint.partner_id, endpoint.id)
    emit(endpoint.partner)
    headers, body = sent(receiver)
    assert judge(endpoint.secret, headers, body)
    assert judge(new, headers, body)
    assert not judge(signing.new_secret(), headers, body)
    keys = [signing.decode_secret(secret) for secret in (new, endpoint.secret)]
    old_s = int(headers["webhook-timestamp"]) - 20 * 60
    aged = {
        **headers,
        "webhook-timestamp": str(old_s),
        "webhook-signature": signing.sign(headers["webhook-id"], old_s, body, keys=keys),
    }
    for secret in (new, endpoint.secret):
        assert not judge(secret, headers, body.replace(b"payout.settled", b"payout.failed_"))
        assert not judge(secret, aged, body)
    rotation.end_rotation(endpoint.partner_id, endpoint.id)
    emit(endpoint.partner)
    headers, body = sent(receiver)
    assert judge(new, headers, body)
    assert not judge(endpoint.secret, headers, body)


def test_the_second_signature_is_good_under_the_published_key(receiver, client):
    endpoint = make_endpoint(receiver.url + "/ok")
    emit(endpoint.partner)
    headers, body = sent(receiver)
    (key,) = client.get("/.well-known/jwks.json").json()["keys"]
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    (signature,) = [
        part[4:] for part in headers["webhook-signature"].split() if part.startswith("v1a,")
    ]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    public.verify(base64.b64decode(signature), signed)
    assert key["kid"] == signing_keys.current()[0]
