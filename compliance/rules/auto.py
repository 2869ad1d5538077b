"""Automatic approval as data: what a version of it may let go, and the record that takes.

A version is read whole or refused whole, with every fault named. It never lets go what a list or a
country rule flagged, what is blocked, or what a rule could not judge.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atlaspay.core.errors import AtlasError
from atlaspay.core.money import EXPONENTS
from compliance.rules.amounts import AmountError, minor_of

# Two-sided 95 %: the share officers truly approve is below Wilson's lower bound 1 time in 40.
_Z = 1.96
_MEMBERS = frozenset(
    {"codes", "max_amount", "day_count", "day_amount", "record", "holdout_percent"}
)
_OPTIONAL = frozenset({"excluded_partners"})
NEVER_CLASSES = frozenset({"sanctions", "country", "unknown"})
Problem = tuple[str, str]


class AutoError(AtlasError):
    """A document that is no version of automatic approval; `problems` are (pointer, words)."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{pointer}: {words}" for pointer, words in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class AutoRules:
    """One version, read. Amounts are minor units by currency; a currency not named is never let
    go. `least_percent` is asked of Wilson's lower bound over `record_days` of officers' decisions
    on cases with exactly the same codes."""

    codes: frozenset[str]
    max_minor: Mapping[str, int]
    day_count: int
    day_minor: Mapping[str, int]
    record_days: int
    least_decided: int
    least_percent: int
    holdout_percent: int
    excluded_partners: frozenset[str]

    def admits(self, amount_minor: int, currency: str, partner_id: str, codes: set[str]) -> bool:
        """Say whether a flagged payout is of the kind this version answers."""
        return (
            bool(codes)
            and codes <= self.codes
            and amount_minor <= self.max_minor.get(currency, -1)
            and partner_id not in self.excluded_partners
        )

    def is_good(self, approved: int, decided: int) -> bool:
        """Say whether officers' record is good enough."""
        bound = wilson_lower(approved, decided)
        return decided >= self.least_decided and bound * 100 >= self.least_percent


def wilson_lower(successes: int, trials: int) -> float:
    """Return the lower end of Wilson's score interval at 95 %, 0 where nothing was tried."""
    if trials == 0:
        return 0.0
    share, spread = successes / trials, _Z * _Z / trials
    middle = share + spread / 2
    reach = _Z * math.sqrt(share * (1 - share) / trials + spread / (4 * trials))
    return max(0.0, (middle - reach) / (1 + spread))


def read(document: object) -> AutoRules:
    """Read a version's document; AutoError with all its faults."""
    faults: list[Problem] = []
    if not isinstance(document, Mapping):
        raise AutoError([("", "A version is a JSON object.")])
    for name in sorted(set(document) - _MEMBERS - _OPTIONAL):
        faults.append((f"/{name}", "There is no such member."))
    record = document.get("record")
    record = record if isinstance(record, Mapping) else {}
    for name in sorted(set(record) - {"days", "decided", "approved_percent"}):
        faults.append((f"/record/{name}", "There is no such member."))
    max_minor = _amounts(document, "max_amount", faults)
    day_minor = _amounts(document, "day_amount", faults)
    for currency in sorted(set(max_minor) ^ set(day_minor)):
        faults.append(("/day_amount", f"{currency} needs an amount a payout and an amount a day."))
    rules = AutoRules(
        codes=_texts(document, "codes", faults, least=1),
        max_minor=max_minor,
        day_count=_whole(document, "", "day_count", 1, 100_000, faults),
        day_minor=day_minor,
        record_days=_whole(record, "/record", "days", 7, 365, faults),
        least_decided=_whole(record, "/record", "decided", 50, 100_000, faults),
        least_percent=_whole(record, "/record", "approved_percent", 90, 99, faults),
        holdout_percent=_whole(document, "", "holdout_percent", 5, 100, faults),
        excluded_partners=_texts(document, "excluded_partners", faults, least=0),
    )
    if faults:
        raise AutoError(faults)
    return rules


def _whole(
    source: Mapping[str, Any], at: str, name: str, low: int, high: int, faults: list[Problem]
) -> int:
    value = source.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    faults.append((f"{at}/{name}", f"A whole number from {low} to {high}."))
    return low


def _texts(
    document: Mapping[str, Any], name: str, faults: list[Problem], *, least: int
) -> frozenset[str]:
    value = document.get(name, [])
    if (
        isinstance(value, list)
        and least <= len(value) <= 100
        and all(isinstance(one, str) and 0 < len(one) <= 40 for one in value)
        and len(set(value)) == len(value)
    ):
        return frozenset(value)
    faults.append((f"/{name}", f"A list of {least} to 100 different texts."))
    return frozenset()


def _amounts(document: Mapping[str, Any], name: str, faults: list[Problem]) -> dict[str, int]:
    value = document.get(name)
    if not isinstance(value, Mapping) or not value:
        faults.append((f"/{name}", 'Amounts by currency, such as {"EUR": "500.00"}.'))
        return {}
    found: dict[str, int] = {}
    for currency, text in value.items():
        if currency not in EXPONENTS:
            faults.append((f"/{name}", f"{currency!r} is no currency AtlasPay knows."))
            continue
        try:
            found[currency] = minor_of(text, currency) if isinstance(text, str) else -1
        except AmountError as error:
            faults.append((f"/{name}/{currency}", str(error)))
            continue
        if found[currency] < 1:
            faults.append((f"/{name}/{currency}", "A text with an amount above zero."))
    return found
