"""Account numbers at rest: sealed for their own row, opened only to go on the wire."""

import msgspec

from atlaspay.core.crypto import seal, unseal
from payouts.models import Payout


def _place(payout_id: str) -> str:
    return f"payouts_payout|account_sealed|{payout_id}"


def seal_account(payout_id: str, account: dict[str, str]) -> bytes:
    """Seal an account (`{"type": "iban", "iban": …}`) for one payout."""
    return seal(msgspec.json.encode(account), place=_place(payout_id))


def open_account(payout: Payout) -> dict[str, str]:
    """Return the account in plain text. Never log it, never keep it. Raises SealError."""
    return msgspec.json.decode(
        unseal(payout.account_sealed, place=_place(payout.id)), type=dict[str, str]
    )
