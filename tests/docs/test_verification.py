"""The verification code of docs/webhooks.md, run as it stands there, in both languages."""

import json
import shutil
import subprocess
import time

import pytest

from tests.docs.pages import fenced, read
from webhooks import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "QUFB" * 8
BODY = '{"type":"payout.settled","name":"Zoë"}'.encode()


def _headers(at: int, *secrets: str, body: bytes = BODY) -> dict[str, str]:
    keys = [signing.decode_secret(secret) for secret in secrets]
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": signing.sign("msg_1", at, body, keys=keys),
    }


def _cases() -> list[tuple[str, dict[str, str], bytes, bool]]:
    """Return name, headers, body and what the code must say."""
    now = int(time.time())
    good = _headers(now, SECRET)
    signature = good["webhook-signature"]
    return [
        ("as sent", good, BODY, True),
        ("while a secret rotates", _headers(now, OTHER, SECRET), BODY, True),
        ("beside another", {**good, "webhook-signature": f"v1a,AA== {signature}"}, BODY, True),
        ("other secret", _headers(now, OTHER), BODY, False),
        ("changed body", good, BODY + b" ", False),
        ("changed id", {**good, "webhook-id": "msg_2"}, BODY, False),
        ("stale", _headers(now - 400, SECRET), BODY, False),
        ("from the future", _headers(now + 400, SECRET), BODY, False),
        ("time changed", {**good, "webhook-timestamp": str(now + 1)}, BODY, False),
        ("time is no number", {**good, "webhook-timestamp": "soon"}, BODY, False),
        ("time without end", {**good, "webhook-timestamp": "9" * 5000}, BODY, False),
        ("other digits", {**good, "webhook-timestamp": "²"}, BODY, False),
        ("other version", {**good, "webhook-signature": f"v2{signature[2:]}"}, BODY, False),
        ("no base64", {**good, "webhook-signature": "v1,ÿÿ v1,= v1"}, BODY, False),
        ("empty signature", {**good, "webhook-signature": ""}, BODY, False),
        ("no headers", {}, BODY, False),
    ]


def test_the_python_code_of_the_page_tells_true_from_forged():
    space: dict[str, object] = {}
    (source,) = fenced(read("docs/webhooks.md"), "python")
    exec(compile(source, "docs/webhooks.md", "exec"), space)  # noqa: S102 - our own page
    said = {name: space["is_genuine"](SECRET, headers, body) for name, headers, body, _ in _cases()}
    assert said == {name: wanted for name, _, _, wanted in _cases()}


def test_the_javascript_code_of_the_page_tells_true_from_forged(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the JavaScript of docs/webhooks.md was NOT run")
    (source,) = fenced(read("docs/webhooks.md"), "js")
    cases = _cases()
    listed, secret = json.dumps([[h, b.decode()] for _, h, b, _ in cases]), json.dumps(SECRET)
    program = tmp_path / "verify.mjs"
    program.write_text(
        source
        + f"\nconst said = {listed}.map(([h, b]) => isGenuine({secret}, h, Buffer.from(b)));\n"
        + "console.log(JSON.stringify(said));\n",
        encoding="utf-8",
    )
    done = subprocess.run([node, program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    said = dict(zip((name for name, *_ in cases), json.loads(done.stdout), strict=True))
    assert said == {name: wanted for name, _, _, wanted in cases}
