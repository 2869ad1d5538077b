"""What a rule may know of a payout at the moment it is screened."""

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict


class WatchHit(TypedDict):
    """A listed name that a recipient's name resembles.

    `alignment` pairs each listed token with the one it met; "" stands for none, on either side.
    `party` is the same for all names of one listed party.
    """

    list: str
    entry_id: int
    entry: str
    similarity: int
    alignment: list[list[str]]
    party: NotRequired[int]
    strength: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """One payout's facts. Amounts are minor units of `currency`; windows are the 24 hours up to
    this payout.

    Counts and sums of a window leave this payout out; they leave failed and canceled payouts out
    too, for they moved no money. `account_seen_count` stops at `ACCOUNT_WINDOW_CAP`: more than that
    is more than any rule asks for.
    """

    payout_id: str
    partner_id: str
    amount_minor: int
    currency: str
    recipient_name: str
    recipient_country: str
    account_seen_count: int = 0
    account_seen_minor: int = 0
    is_first_to_account: bool = False
    twin_id: str = ""
    twin_batch_id: str = ""
    partner_seen_count: int = 0
    partner_seen_minor: int = 0
    watch_hits: tuple[WatchHit, ...] = ()

    def derived(self) -> dict[str, Any]:
        """Return what the payout's own unchangeable columns do not say: all a run has to keep to be
        replayed."""
        kept: dict[str, Any] = {}
        for name in _DERIVED:
            value = getattr(self, name)
            if value:
                kept[name] = list(value) if name == "watch_hits" else value
        return kept

    def as_dict(self) -> dict[str, Any]:
        """Return every fact under its name."""
        return {name: getattr(self, name) for name in (*_OWN, *_DERIVED)}


ACCOUNT_WINDOW_CAP = 100
_OWN = (
    "payout_id",
    "partner_id",
    "amount_minor",
    "currency",
    "recipient_name",
    "recipient_country",
)
_DERIVED = (
    "account_seen_count",
    "account_seen_minor",
    "is_first_to_account",
    "twin_id",
    "twin_batch_id",
    "partner_seen_count",
    "partner_seen_minor",
    "watch_hits",
)


def thaw(own: dict[str, Any], derived: dict[str, Any]) -> Facts:
    """Rebuild the facts of a stored run from the payout's columns and what the run kept."""
    kept = dict(derived)
    kept["watch_hits"] = tuple(kept.get("watch_hits", ()))
    return Facts(**own, **kept)
