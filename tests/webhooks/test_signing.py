"""Signatures against the specification's vector, another implementation, and hand-made secrets."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks import signing, signing_keys
from webhooks.models import SigningKey

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'


def test_the_vector_of_the_specification():
    header = signing.sign(MESSAGE_ID, 1614265330, BODY, keys=[signing.decode_secret(SECRET)])
    assert header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_another_implementation_accepts_it_and_refuses_a_changed_body():
    secret = signing.new_secret()
    now_s = int(datetime.now(UTC).timestamp())
    key = Ed25519PrivateKey.generate()
    header = signing.sign(
        MESSAGE_ID, now_s, BODY, keys=[signing.decode_secret(secret)], private_key=key
    )
    headers = {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": str(now_s),
        "webhook-signature": header,
    }
    assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify(BODY, headers)


def test_while_a_secret_rotates_both_verify():
    new, old = signing.new_secret(), signing.new_secret()
    now_s = int(datetime.now(UTC).timestamp())
    keys = [signing.decode_secret(new), signing.decode_secret(old)]
    header = signing.sign(MESSAGE_ID, now_s, BODY, keys=keys)
    headers = {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": str(now_s),
        "webhook-signature": header,
    }
    assert len(header.split()) == 2
    for secret in (new, old):
        assert Webhook(secret).verify(BODY, headers)


def test_the_asymmetric_signature_is_that_of_svix_for_its_test_key_pair():
    # svix-server's test_asymmetric_key_signing; the key is 32 bytes of seed, then the public half.
    pair = base64.b64decode(
        "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    )
    key = Ed25519PrivateKey.from_private_bytes(pair[:32])
    header = signing.sign(MESSAGE_ID, 1614265330, BODY, keys=[], private_key=key)
    assert header == (
        "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    )


@pytest.mark.parametrize(
    "text", ["whsec_", "whsec_!!!!", "whsec_" + base64.b64encode(b"x" * 23).decode(), "x" * 3]
)
def test_a_secret_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="secret"):
        signing.decode_secret(text)


def test_secrets_have_32_random_bytes():
    first, second = signing.new_secret(), signing.new_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(signing.decode_secret(first)) == 32


@pytest.mark.django_db
def test_the_published_key_verifies_what_was_signed_also_after_a_rotation(client):
    kid, private = signing_keys.current()
    signature = private.sign(b"message")
    signing_keys.rotate()
    signing_keys.forget()
    assert signing_keys.current()[0] != kid
    answer = client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    published = {key["kid"]: key for key in answer.json()["keys"]}
    assert len(published) == 2
    assert published[kid]["crv"] == "Ed25519"
    raw = base64.urlsafe_b64decode(published[kid]["x"] + "=")
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, b"message")


@pytest.mark.django_db
def test_one_key_signs_for_all_processes_and_is_sealed_at_rest():
    kid, private = signing_keys.current()
    signing_keys.forget()
    assert signing_keys.current()[0] == kid
    row = SigningKey.objects.get()
    assert private.private_bytes_raw() not in bytes(row.private_sealed)
