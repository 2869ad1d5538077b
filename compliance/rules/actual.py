"""What a condition compares: the fact's value as a function over a payout's facts.

None means: not known. A sum over a full window is a bound from below (`Bound`).
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any

from compliance.rules.catalogue import Op
from compliance.rules.facts import WINDOW_CAP, WatchHit
from compliance.rules.names import recipient_key
from compliance.rules.tree import Condition
from compliance.rules.windows import text_of

Values = Mapping[str, Any]
Actual = Callable[[Values], Any]

_PLAIN = {
    "amount": "amount_minor",
    "currency": "currency",
    "recipient_country": "recipient_country",
    "partner_country": "partner_country",
    "rail": "rail",
    "account_type": "account_type",
    "partner": "partner_id",
    "partner_age": "partner_age_days",
    "recipient_age": "recipient_age_days",
    "first_to_account": "is_first_to_account",
}
_DOMESTIC = {"us": "US", "uk": "GB"}


def key_of(condition: Condition) -> str:
    """Return the name under which the facts keep what this condition asks for."""
    if condition.fact == "destination_changed" or condition.spec.has_window:
        name = "twin" if condition.fact == "has_twin" else condition.fact
        return f"{name}_{text_of(condition.hours)}"
    return _PLAIN.get(condition.fact, condition.fact)


def actual_of(condition: Condition) -> Actual:
    """Return the function that reads the condition's fact."""
    fact, key = condition.fact, key_of(condition)
    if fact in _PLAIN:
        return lambda values: values.get(key)
    if fact.endswith("_count"):
        return partial(_plus, key, 1)
    if fact.endswith("_sum"):
        return partial(_sum, key)
    if fact == "has_twin":
        return partial(_is_there, key)
    if fact == "name_similarity":
        return partial(_similarity, frozenset(condition.lists))
    return _SPECIAL.get(fact) or (lambda values: values.get(key))


def bound_key(condition: Condition) -> str:
    """Return the name of the count that tells whether a sum is only known to be at least what it
    says; empty where the fact is always exact."""
    if not condition.fact.endswith("_sum") or condition.fact == "partner_sum":
        return ""
    return key_of(condition).replace("_sum_", "_count_")


def is_bound(condition: Condition, values: Values) -> bool:
    """Say whether a sum is only known to be at least what it says, for its window was full."""
    key = bound_key(condition)
    return bool(key) and is_full(values.get(key))


def is_full(count: int | None) -> bool:
    return count is None or count >= WINDOW_CAP


def watch_hits(condition: Condition, values: Values) -> list[WatchHit]:
    """Return the listed names that are on the condition's lists and as similar as it asks."""
    least = condition.value if condition.op in (Op.AT_LEAST, Op.ABOVE, Op.IS) else 0
    return [
        hit
        for hit in values.get("watch_hits") or ()
        if (not condition.lists or hit["list"] in condition.lists)
        and isinstance(least, int)
        and hit["similarity"] >= least
    ]


def _plus(key: str, more: int, values: Values) -> int | None:
    value = values.get(key)
    return None if value is None else value + more


def _sum(key: str, values: Values) -> int | None:
    seen, amount = values.get(key), values.get("amount_minor")
    return None if seen is None or amount is None else seen + amount


def _is_there(key: str, values: Values) -> bool | None:
    value = values.get(key)
    return None if value is None else bool(value)


def _similarity(lists: frozenset[str], values: Values) -> int | None:
    hits = values.get("watch_hits")
    if hits is None:
        return None
    return max((hit["similarity"] for hit in hits if not lists or hit["list"] in lists), default=0)


def _account_country(values: Values) -> str | None:
    kind, bank = values.get("account_type"), values.get("account_bank")
    if kind == "iban" and bank:
        return str(bank)[:2]
    return _DOMESTIC.get(kind or "")


def _account_abroad(values: Values) -> bool | None:
    country, home = _account_country(values), values.get("recipient_country")
    return None if not country or not home else country != home


def _corridor(values: Values) -> str | None:
    here, there = values.get("partner_country"), values.get("recipient_country")
    return f"{here}-{there}" if here and there else None


def _recipient_name(values: Values) -> str | None:
    name = values.get("recipient_name")
    return _key(name) if name else None


_key = lru_cache(maxsize=16_384)(recipient_key)
_SPECIAL: dict[str, Actual] = {
    "account_country": _account_country,
    "account_abroad": _account_abroad,
    "corridor": _corridor,
    "recipient_name": _recipient_name,
}
