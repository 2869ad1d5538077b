"""Which rail a payout goes over, and why not the others. Pure: the same input gives the same
choice.

The order of the rails handed in is the order of preference. A refusal with REROUTE asks again with
the rails tried so far; a rail is never tried twice for one payout by rerouting.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from payouts.rails.base import Capabilities

UNKNOWN_RAIL = "rail_unknown"
CURRENCY = "currency_not_on_rail"
ACCOUNT_TYPE = "account_type_not_on_rail"
ACCOUNT_COUNTRY = "account_country_not_on_rail"
OVER_LIMIT = "amount_over_rail_limit"
TRIED = "rail_tried"
PAUSED = "rail_paused"

REASON_LENGTH = 140


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why one rail is out: a stable code, and for a tried one the canonical code of its refusal."""

    rail: str
    code: str
    refusal: str = ""

    def __str__(self) -> str:
        return f"{self.rail}: {self.refusal or self.code}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The rail to use, "" for none, and all that speaks against the others.

    `waiting_for`: no rail can go now, but this one could if it were not paused.
    `fallback_reason`: why it is not the rail requested, or not the first attempt's; "" otherwise.
    """

    rail: str
    waiting_for: str = ""
    fallback_reason: str = ""
    exclusions: tuple[Exclusion, ...] = ()

    @property
    def is_possible(self) -> bool:
        """Say whether some rail can carry it, now or after a pause."""
        return bool(self.rail or self.waiting_for)


def choose(
    rails: Mapping[str, Capabilities],
    *,
    currency: str,
    account_type: str,
    amount_minor: int,
    requested: str = "",
    account_country: str = "",
    tried: Mapping[str, str] | None = None,
    paused: Collection[str] = (),
) -> Choice:
    """Return the first rail, the requested one before all others, that can carry the payout.

    `rails`: name -> capabilities, in order of preference. `account_country`: where the account is
    held (`Destination.country`), "" to leave that to the bank. `tried`: rail -> canonical code of
    its refusal, in order. A request for a rail that cannot carry the payout falls back to the next
    that can, with the reason; whether intake allows that is its own rule (`check_requested`).
    """
    tried = tried or {}
    order = (
        [requested, *(name for name in rails if name != requested)] if requested else list(rails)
    )
    chosen = waiting_for = ""
    exclusions: list[Exclusion] = []
    for name in order:
        code = _obstacle(rails.get(name), currency, account_type, account_country, amount_minor)
        if code:
            exclusions.append(Exclusion(name, code))
        elif name in tried:
            exclusions.append(Exclusion(name, TRIED, tried[name]))
        elif name in paused:
            exclusions.append(Exclusion(name, PAUSED))
            waiting_for = waiting_for or name
        else:
            chosen = name
            break
    reason = ""
    if chosen:
        waiting_for = ""
        reason = _why_not(requested, exclusions)
    return Choice(chosen, waiting_for, reason[:REASON_LENGTH], tuple(exclusions))


def check_requested(
    rails: Mapping[str, Capabilities],
    requested: str,
    *,
    currency: str,
    account_type: str,
    amount_minor: int,
    account_country: str = "",
) -> str:
    """Return why the requested rail can never carry it, as a stable code; "" if it can."""
    return _obstacle(rails.get(requested), currency, account_type, account_country, amount_minor)


def explain(code: str, rail: str) -> str:
    """Return the sentence of an exclusion's code, for a partner."""
    return _SENTENCES[code].format(rail=rail)


_SENTENCES = {
    UNKNOWN_RAIL: "There is no rail {rail}.",
    CURRENCY: "The rail {rail} does not carry this currency.",
    ACCOUNT_TYPE: "The rail {rail} does not pay to accounts of this type.",
    ACCOUNT_COUNTRY: "The rail {rail} does not reach accounts in this country.",
    OVER_LIMIT: "The amount is above the limit of the rail {rail}.",
    TRIED: "The rail {rail} has refused this payout.",
    PAUSED: "The rail {rail} is paused.",
}


def _obstacle(
    capabilities: Capabilities | None,
    currency: str,
    account_type: str,
    account_country: str,
    amount_minor: int,
) -> str:
    if capabilities is None:
        return UNKNOWN_RAIL
    if currency not in capabilities.currencies:
        return CURRENCY
    if account_type not in capabilities.account_types:
        return ACCOUNT_TYPE
    reached = capabilities.account_countries
    if account_country and reached and account_country not in reached:
        return ACCOUNT_COUNTRY
    if amount_minor > capabilities.max_amount_minor:
        return OVER_LIMIT
    return ""


def _why_not(requested: str, exclusions: list[Exclusion]) -> str:
    """Name only what sent it elsewhere: request, refusals, pause; not rails it never suited."""
    causes = [e for e in exclusions if e.rail == requested or e.code in {TRIED, PAUSED, OVER_LIMIT}]
    return "; ".join(map(str, causes))
