"""The rules of the first document format: named functions with parameters.

Policies of that format stay as they are and go on being replayed, so nothing here changes any
more. New rules are conditions over facts (`compliance.rules.document`). A rule answers None when it
has nothing to say, else a `Hit`; it never decides, the policy does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from atlaspay.core.money import display, exponent
from compliance.rules.errors import PolicyError
from compliance.rules.facts import Facts

_FULL = 100  # the window those policies were written for


@dataclass(frozen=True, slots=True)
class Hit:
    """`words` is one sentence or more; `trace` holds the figures behind it, for replay and for the
    case page."""

    words: str
    trace: dict[str, Any] = field(default_factory=dict)


Rule = Callable[[Facts], Hit | None]
Parameters = Mapping[str, Any]


def _whole(parameters: Parameters, name: str, *, low: int = 1) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise PolicyError(f"parameter {name!r} must be a whole number from {low}")
    return value


class _Limits:
    """A limit in whole units of each currency, as minor units: `major` for all, `major_by_currency`
    where it differs."""

    def __init__(self, parameters: Parameters) -> None:
        self._major = _whole(parameters, "major")
        self._by_currency: Mapping[str, int] = parameters.get("major_by_currency", {})
        for currency in self._by_currency:
            exponent(currency)
            _whole(self._by_currency, currency)
        self._minor: dict[str, int] = {}

    def minor(self, currency: str) -> int:
        if currency not in self._minor:
            self._minor[currency] = self._by_currency.get(currency, self._major) * 10 ** exponent(
                currency
            )
        return self._minor[currency]


def amount_at_least(parameters: Parameters) -> Rule:
    """Hit where the amount reaches the limit."""
    limits = _Limits(parameters)

    def rule(facts: Facts) -> Hit | None:
        amount, currency = facts.values["amount_minor"], facts.values["currency"]
        limit = limits.minor(currency)
        if amount < limit:
            return None
        return Hit(
            f"{display(amount, currency)} reaches the limit of {display(limit, currency)}.",
            {"amount_minor": amount, "limit_minor": limit},
        )

    return rule


def country_in(parameters: Parameters) -> Rule:
    """Hit where the recipient's country is on the list (ISO 3166-1 alpha-2)."""
    countries = frozenset(parameters.get("countries", ()))
    if not countries or any(len(code) != 2 or not code.isupper() for code in countries):
        raise PolicyError("parameter 'countries' must list two-letter country codes")

    def rule(facts: Facts) -> Hit | None:
        country = facts.values["recipient_country"]
        if country not in countries:
            return None
        return Hit(
            f"The recipient's country {country} is on the policy's list.", {"country": country}
        )

    return rule


def account_velocity(parameters: Parameters) -> Rule:
    """Hit where this payout takes one account over a count or a sum within 24 hours, this payout
    included."""
    most = _whole(parameters, "count")
    if most >= _FULL:
        raise PolicyError(f"parameter 'count' must be below {_FULL}")
    limits = _Limits(parameters)

    def rule(facts: Facts) -> Hit | None:
        seen = facts.values.get("account_count_24h", 0)
        count, currency = seen + 1, facts.values["currency"]
        total = facts.values.get("account_sum_24h", 0) + facts.values["amount_minor"]
        limit = limits.minor(currency)
        # One large payout is the amount rule's subject; a sum needs at least two.
        over_sum = total > limit and seen > 0
        if count <= most and not over_sum:
            return None
        more = "or more " if seen >= _FULL else ""
        return Hit(
            f"{count} {more}payouts with {display(total, currency)} to this account within"
            f" 24 hours (limits: {most} payouts, {display(limit, currency)}).",
            {"count": count, "count_limit": most, "sum_minor": total, "sum_limit_minor": limit},
        )

    return rule


def partner_velocity(parameters: Parameters) -> Rule:
    """Hit where a partner's payouts in one currency within 24 hours pass a count or a sum."""
    most = _whole(parameters, "count")
    limits = _Limits(parameters)

    def rule(facts: Facts) -> Hit | None:
        count, currency = facts.values.get("partner_count_24h", 0) + 1, facts.values["currency"]
        total = facts.values.get("partner_sum_24h", 0) + facts.values["amount_minor"]
        limit = limits.minor(currency)
        if count <= most and total <= limit:
            return None
        return Hit(
            f"The partner sent {count} payouts with {display(total, currency)} within"
            f" 24 hours (limits: {most} payouts, {display(limit, currency)}).",
            {"count": count, "count_limit": most, "sum_minor": total, "sum_limit_minor": limit},
        )

    return rule


def watchlist_name(parameters: Parameters) -> Rule:
    """Hit where the recipient's name resembles a listed one at least `similarity` percent."""
    least = _whole(parameters, "similarity")
    if least > 100:
        raise PolicyError("parameter 'similarity' is a percentage")

    def rule(facts: Facts) -> Hit | None:
        hits = [hit for hit in facts.values.get("watch_hits", ()) if hit["similarity"] >= least]
        if not hits:
            return None
        best = max(hits, key=lambda hit: hit["similarity"])
        others = f" and {len(hits) - 1} more" if len(hits) > 1 else ""
        return Hit(
            f"The name resembles “{best['entry']}” ({best['similarity']} %){others}"
            f" on the list “{best['list']}”.",
            {"hits": hits},
        )

    return rule


def duplicate_elsewhere(parameters: Parameters) -> Rule:
    """Hit where another batch of the partner pays the same account the same amount within 24
    hours."""
    limits = _Limits(parameters)

    def rule(facts: Facts) -> Hit | None:
        amount, currency = facts.values["amount_minor"], facts.values["currency"]
        twin_id = facts.values.get("twin_24h", "")
        if not twin_id or amount < limits.minor(currency):
            return None
        return Hit(
            f"{display(amount, currency)} to the same account is in another batch"
            " of the last 24 hours already.",
            {"twin_id": twin_id, "twin_batch_id": facts.values.get("twin_batch_24h", "")},
        )

    return rule


RULES: dict[str, Callable[[Parameters], Rule]] = {
    "amount_at_least": amount_at_least,
    "country_in": country_in,
    "account_velocity": account_velocity,
    "partner_velocity": partner_velocity,
    "watchlist_name": watchlist_name,
    "duplicate_elsewhere": duplicate_elsewhere,
}
