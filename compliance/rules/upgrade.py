"""A document of the first format as one of the second: the same rules as conditions.

Old policies run as they were written; this is for reading them in words, for finding what would
clear their hits, and for drafts that begin with one.
"""

from collections.abc import Mapping
from typing import Any

from compliance.rules.catalogue import RuleClass

_TITLES = {
    "amount_at_least": ("Amount over the limit", RuleClass.AMOUNT),
    "country_in": ("Restricted country", RuleClass.COUNTRY),
    "account_velocity": ("Many payouts to one account", RuleClass.VELOCITY),
    "partner_velocity": ("Many payouts of one partner", RuleClass.VELOCITY),
    "watchlist_name": ("Name on a watchlist", RuleClass.SANCTIONS),
    "duplicate_elsewhere": ("Possible duplicate", RuleClass.DUPLICATE),
}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document in the second format; one that is in it already comes back as it is.

    The first format must be one that compiles.
    """
    if document.get("format", 1) != 1:
        return dict(document)
    return {
        "format": 2,
        "rules": [_rule(entry) for entry in document["rules"]],
        "thresholds": dict(document["thresholds"]),
    }


def _rule(entry: Mapping[str, Any]) -> dict[str, Any]:
    title, rule_class = _TITLES[entry["rule"]]
    return {
        "code": entry["code"],
        "title": title,
        "class": str(rule_class),
        "weight": entry["weight"],
        "when": _when(entry["rule"], entry.get("parameters", {})),
    }


def _when(rule: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    if rule == "amount_at_least":
        return _asks("amount", "at_least", _limits(parameters))
    if rule == "country_in":
        return _asks("recipient_country", "in", sorted(set(parameters["countries"])))
    if rule == "watchlist_name":
        return _asks("name_similarity", "at_least", parameters["similarity"])
    if rule == "duplicate_elsewhere":
        twin = _asks("has_twin", "is", True, window="24h")
        return {"all": [twin, _asks("amount", "at_least", _limits(parameters))]}
    subject = rule.removesuffix("_velocity")
    count, total = f"{subject}_count", f"{subject}_sum"
    over_count = _asks(count, "above", parameters["count"], window="24h")
    over_sum = _asks(total, "above", _limits(parameters), window="24h")
    if subject == "partner":
        return {"any": [over_count, over_sum]}
    several = _asks(count, "at_least", 2, window="24h")
    return {"any": [over_count, {"all": [several, over_sum]}]}


def _asks(fact: str, op: str, value: object, **more: object) -> dict[str, Any]:
    return {"fact": fact, **more, "op": op, "value": value}


def _limits(parameters: Mapping[str, Any]) -> dict[str, str]:
    own = parameters.get("major_by_currency", {})
    return {
        "default": str(parameters["major"]),
        **{currency: str(major) for currency, major in own.items()},
    }
