"""The verification code that the guide shows works on what we send, and on nothing else."""

import re
import time
from pathlib import Path

import pytest

from webhooks import signing
from webhooks.event_types import CATALOGUE

GUIDE = Path(__file__).parents[2] / "docs" / "webhooks.md"
BODY = b'{"test": 2432232314}'


@pytest.fixture(scope="module")
def is_genuine():
    """Return the guide's Python function."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict = {}
    exec(code, names)  # noqa: S102 - the text of our own guide
    return names["is_genuine"]


def headers(secret: str, *, at_s: int, body: bytes = BODY) -> dict[str, str]:
    keys = [signing.decode_secret(signing.new_secret()), signing.decode_secret(secret)]
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at_s),
        "webhook-signature": signing.sign("msg_1", at_s, body, keys=keys),
    }


def test_the_guide_verifies_genuine_messages_only(is_genuine):
    secret, now_s = signing.new_secret(), int(time.time())
    assert is_genuine(secret, headers(secret, at_s=now_s), BODY)
    assert not is_genuine(secret, headers(secret, at_s=now_s), BODY + b" ")
    assert not is_genuine(signing.new_secret(), headers(secret, at_s=now_s), BODY)
    assert not is_genuine(secret, headers(secret, at_s=now_s - 301), BODY)
    assert not is_genuine(secret, headers(secret, at_s=now_s + 310), BODY)


def test_the_guide_shows_the_vector():
    text = GUIDE.read_text()
    key = signing.decode_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    shown = signing.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, BODY, keys=[key])
    assert shown in text


def test_the_guide_names_every_event_type():
    named = set(re.findall(r"`((?:payout|batch|endpoint)\.[a-z_]+)`", GUIDE.read_text()))
    assert set(CATALOGUE) <= named
