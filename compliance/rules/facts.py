"""What a rule may know of a payout at the moment it is screened."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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


# Windows of accounts and recipients look at so many payouts and no more: a hot account costs no
# more than a busy one. A sum over a full window is a bound from below.
WINDOW_CAP = 200

# The payout's own columns, which never change; everything else a run keeps.
OWN = (
    "payout_id",
    "partner_id",
    "amount_minor",
    "currency",
    "recipient_name",
    "recipient_country",
    "account_type",
    "account_bank",
    "submitted_at",
)
# Names of the first runs. They left out what was nothing, and meant 24 hours by every window.
_FIRST_NAMES = {
    "account_seen_count": "account_count_24h",
    "account_seen_minor": "account_sum_24h",
    "partner_seen_count": "partner_count_24h",
    "partner_seen_minor": "partner_sum_24h",
    "twin_id": "twin_24h",
    "twin_batch_id": "twin_batch_24h",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """One payout's facts by name. Amounts are minor units of `currency`; a fact that is absent or
    None is not known.

    Counts and sums of a window leave this payout out; they leave failed and canceled payouts out
    too, for they moved no money.
    """

    values: dict[str, Any] = field(default_factory=dict)

    @property
    def payout_id(self) -> str:
        """Return the payout's id, empty where the facts are invented."""
        return str(self.values.get("payout_id", ""))

    def derived(self) -> dict[str, Any]:
        """Return what the payout's own unchangeable columns do not say: all a run has to keep to be
        replayed. What is nothing is left out; what is not known stays, as null."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in self.values.items()
            if (value or value is None) and name not in _OWN
        }

    def as_dict(self) -> dict[str, Any]:
        """Return every fact under its name."""
        return dict(self.values)

    def changed(self, changes: Mapping[str, Any]) -> "Facts":
        """Return these facts with some of them different."""
        return Facts({**self.values, **changes})


_OWN = frozenset(OWN)


def thaw(
    own: Mapping[str, Any],
    derived: Mapping[str, Any],
    gathered: Iterable[tuple[str, Any]] = (),
) -> Facts:
    """Rebuild the facts of a stored run from the payout's columns and what the run kept.

    `gathered` are the facts its policy had asked for, with the value that is left out of a run
    (`Needs.defaults()` of that policy). A fact neither kept nor asked for stays unknown.
    """
    values = {**dict(gathered), **own}
    for name, value in derived.items():
        values[_FIRST_NAMES.get(name, name)] = tuple(value) if isinstance(value, list) else value
    return Facts(values)
