"""The script of a check: which messages are sent, which answers are right, and what to mend.

Knows neither network nor database. All messages look alike, so that a receiver can tell the forged
one from the genuine one by verifying it and by nothing else.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from atlaspay.core import clock
from atlaspay.core.ids import encode
from webhooks.delivery.call import Answer
from webhooks.diagnosis import explain
from webhooks.outbox import NewEvent, render
from webhooks.signing import sign

STALE_S = 1_200  # the guide asks receivers to refuse what is more than 300 s off
Finding = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the script, ready to be sent. `is_genuine`: it is to be accepted."""

    probe: str
    sent: str
    is_genuine: bool
    headers: dict[str, str]
    body: bytes


def conformance(
    partner_id: str,
    endpoint_id: str,
    url: str,
    *,
    keys: Sequence[bytes],
    private_key: Ed25519PrivateKey | None,
    now_s: int,
) -> list[Message]:
    """Return the five messages: genuine, the same again, forged, altered on its way, and old."""
    body = _body(partner_id, endpoint_id, url)
    genuine = _signed(body, now_s, keys, private_key)
    forged = _body(partner_id, endpoint_id, url)
    signed_before, altered = _body(partner_id, endpoint_id, url), bytearray()
    altered += signed_before.replace(b'"sequence":1', b'"sequence":9')
    old = _body(partner_id, endpoint_id, url)
    return [
        Message("genuine", "a message we signed", True, genuine, body),
        Message(
            "repeated", "the same message again", True, {**genuine, "webhook-attempt": "2"}, body
        ),
        Message(
            "forged",
            "a message signed with another key",
            False,
            _signed(forged, now_s, [secrets.token_bytes(32)], Ed25519PrivateKey.generate()),
            forged,
        ),
        Message(
            "altered",
            "a message changed after it was signed",
            False,
            _signed(signed_before, now_s, keys, private_key),
            bytes(altered),
        ),
        Message(
            "stale",
            "a message we signed 20 minutes ago",
            False,
            _signed(old, now_s - STALE_S, keys, private_key),
            old,
        ),
    ]


def rotation(
    partner_id: str, endpoint_id: str, url: str, *, new_key: bytes, now_s: int
) -> list[Message]:
    """Return one message whose only signature is that of the new secret."""
    body = _body(partner_id, endpoint_id, url)
    headers = _signed(body, now_s, [new_key], None)
    sent = "a message signed with the new secret alone"
    return [Message("new_secret", sent, True, headers, body)]


def judge(message: Message, answer: Answer) -> Finding:
    """Return what the answer to one message shows, with the cure where it is not right."""
    is_ok = answer.is_accepted if message.is_genuine else _is_refusal(answer)
    return {
        "probe": message.probe,
        "sent": message.sent,
        "expected": "2xx" if message.is_genuine else "4xx",
        "http_status": answer.http_status,
        "error": answer.error,
        "is_ok": is_ok,
        "says": _says(message, answer, is_ok=is_ok),
        "fix": "" if is_ok else _fix(message, answer),
        "duration_ms": answer.duration_ms,
    }


def is_worth_waiting(finding: Finding) -> bool:
    """Say whether a failed first message may be a matter of time: nothing there yet, or busy."""
    status = finding["http_status"]
    return not finding["is_ok"] and (status is None or status == 429 or status >= 500)


def conclude(findings: Sequence[Finding]) -> tuple[bool, str]:
    """Return (passed, one sentence) for the findings of a whole script."""
    wrong = [finding for finding in findings if not finding["is_ok"]]
    if not wrong:
        return True, "Every message was answered as it should be."
    return False, " ".join(finding["says"] for finding in wrong)[:400]


def _body(partner_id: str, endpoint_id: str, url: str) -> bytes:
    event = NewEvent(
        partner_id=partner_id,
        type="endpoint.test",
        object_id=endpoint_id,
        sequence=1,
        prev_id=None,
        data={"endpoint": {"id": endpoint_id, "url": url}},
    )
    return render(event, clock.rfc3339(clock.now()))


def _signed(
    body: bytes, at_s: int, keys: Sequence[bytes], private_key: Ed25519PrivateKey | None
) -> dict[str, str]:
    message_id = "msg_" + encode(uuid.uuid4().int)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": sign(message_id, at_s, body, keys=keys, private_key=private_key),
        "webhook-attempt": "1",
    }


def _is_refusal(answer: Answer) -> bool:
    return answer.http_status is not None and not answer.is_accepted


def _says(message: Message, answer: Answer, *, is_ok: bool) -> str:
    status = answer.http_status
    if status is None:
        return f"No answer to {message.sent} ({answer.error})."
    if is_ok:
        return f"Answered {message.sent} with {status}, as it should."
    if message.is_genuine:
        return f"Refused {message.sent} with {status}."
    return f"Accepted {message.sent} with {status}."


_CURES = {
    "repeated": (
        "Answer 2xx to a webhook-id you have seen and do nothing else; any other answer makes us"
        " send it again for three days."
    ),
    "forged": (
        "Anyone who knows the URL could tell you that a payout has settled. Verify the signature"
        " with your endpoint's secret before you believe a message, and answer 400 where it fails."
    ),
    "altered": "Verify the signature over the raw body as it came, and answer 400 where it fails.",
    "stale": (
        "Refuse a webhook-timestamp more than five minutes off, or whoever records a message can"
        " play it back later."
    ),
    "new_secret": "Put the new secret into your handler beside the old one; we go on signing both.",
}


def _fix(message: Message, answer: Answer) -> str:
    if message.probe == "genuine" or answer.http_status is None:
        return explain(answer) or "Answer 2xx as soon as you have stored the message."
    return _CURES[message.probe]
