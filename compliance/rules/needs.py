"""What has to be gathered for a policy; gathering does no more than that."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from compliance.rules.windows import text_of


@dataclass(frozen=True, slots=True)
class Needs:
    """Facts a policy asks for beyond the payout's own columns. Windows are in hours."""

    account_windows: frozenset[int] = frozenset()
    recipient_windows: frozenset[int] = frozenset()
    partner_windows: frozenset[int] = frozenset()
    twin_windows: frozenset[int] = frozenset()
    destination_windows: frozenset[int] = frozenset()
    first_to_account: bool = False
    recipient_age: bool = False
    partner_age: bool = False
    partner_country: bool = False
    rail: bool = False
    watchlists: bool = False
    lists: frozenset[str] = frozenset()  # those that a rule names; most look at all there are

    def __or__(self, other: "Needs") -> "Needs":
        both: dict[str, Any] = {
            one.name: getattr(self, one.name) | getattr(other, one.name) for one in fields(self)
        }
        return Needs(**both)

    def covers(self, other: "Needs") -> bool:
        """Say whether what is gathered for these needs is enough for those."""
        return self | other == self

    def defaults(self) -> Iterator[tuple[str, Any]]:
        """Yield each fact to be gathered and the value of it that says nothing was there."""
        for subject in ("account", "recipient", "partner"):
            for hours in sorted(getattr(self, f"{subject}_windows")):
                yield f"{subject}_count_{text_of(hours)}", 0
                yield f"{subject}_sum_{text_of(hours)}", 0
        for hours in sorted(self.twin_windows):
            yield f"twin_{text_of(hours)}", ""
            yield f"twin_batch_{text_of(hours)}", ""
        for hours in sorted(self.destination_windows):
            yield f"destination_changed_{text_of(hours)}", False
        if self.destination_windows:
            yield "destination_before", ""
        if self.first_to_account:
            yield "is_first_to_account", False
        if self.recipient_age:
            yield "recipient_age_days", 0
        if self.partner_age:
            yield "partner_age_days", 0
        if self.partner_country:
            yield "partner_country", ""
        if self.rail:
            yield "rail", ""
        if self.watchlists:
            yield "watch_hits", ()
            yield "safe_hits", ()
        yield "snoozed", ()
