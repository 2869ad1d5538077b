"""Verify and read the sandbox bank's callbacks: Standard Webhooks 1.0, HMAC-SHA256.

Nothing of a body is looked at before its signature holds.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from atlaspay.core import clock
from payouts.rails.base import BadSignatureError, Hint, UnreadableMessageError
from payouts.rails.sandbox.mapping import Return, Transfer, outcome_of_transfer, returns_of

AGE_LIMIT = timedelta(minutes=5)
ID_LENGTH = 80


class Message(msgspec.Struct):
    """A callback's body; `data` stays raw until the type is known."""

    type: str
    data: msgspec.Raw


_message = msgspec.json.Decoder(Message)
_transfer = msgspec.json.Decoder(Transfer)


def signing_key(secret: str) -> bytes:
    """Return the key inside `whsec_<base64>`; raises ValueError for anything else."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
        raise ValueError("A callback secret is whsec_ and base64 of 24 to 64 bytes.")
    return key


def verify(
    keys: Sequence[bytes], headers: Mapping[str, str], raw: bytes, received_at: datetime | None
) -> str:
    """Return the message id; raises BadSignatureError unless one key signed this, and lately.

    Several keys hold while a secret is rotated. Age is counted at `received_at`, so that a message
    stored in time may be read later.
    """
    known = {name.lower(): value for name, value in headers.items()}
    message_id = known.get("webhook-id", "")
    stamp = known.get("webhook-timestamp", "")
    if not 0 < len(message_id) <= ID_LENGTH or not (stamp.isascii() and stamp.isdigit()):
        raise BadSignatureError("The message has no readable webhook-id and webhook-timestamp.")
    age_s = (received_at or clock.now()).timestamp() - int(stamp[:12])
    content = b"%b.%b.%b" % (message_id.encode(), stamp.encode(), raw)
    wanted = [hmac.digest(key, content, hashlib.sha256) for key in keys]
    given = [_decoded(part) for part in known.get("webhook-signature", "").split()]
    matches = [hmac.compare_digest(a, b) for a in wanted for b in given]
    if not any(matches):
        raise BadSignatureError("No signature of the message holds.")
    if abs(age_s) > AGE_LIMIT.total_seconds():
        raise BadSignatureError(f"The message was signed {age_s:.0f} s before it came.")
    return message_id


def _decoded(part: str) -> bytes:
    version, _, text = part.partition(",")
    try:
        return base64.b64decode(text, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""


def hints(message_id: str, raw: bytes, provider: str) -> list[Hint]:
    """Return what a verified body says; raises UnreadableMessageError if it makes no sense.

    A type we do not know gives no hint: the bank may add types.
    """
    try:
        message = _message.decode(raw)
        if message.type not in {"transfer.updated", "transfer.returned"}:
            return []
        transfer = _transfer.decode(message.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableMessageError(f"The callback cannot be read: {error}"[:300]) from error
    _check_returns(transfer.returned, transfer.amount_minor)
    return [
        Hint(
            message_id=message_id,
            end_to_end_id=transfer.end_to_end_id,
            bank_reference=transfer.id[:64],
            outcome=outcome_of_transfer(transfer, rail=provider),
            returns=returns_of(transfer) if message.type == "transfer.returned" else (),
            amount_minor=transfer.amount_minor,
            currency=transfer.currency,
        )
    ]


def _check_returns(returned: Sequence[Return], amount_minor: int) -> None:
    if any(item.amount_minor <= 0 for item in returned) or (
        sum(item.amount_minor for item in returned) > amount_minor
    ):
        raise UnreadableMessageError("The callback returns more than was paid, or nothing.")
