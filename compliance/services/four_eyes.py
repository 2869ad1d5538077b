"""When one officer is not enough: the amount, a block, a possible match with a sanctions list.

Only what lets money go needs a second officer; refusing harms nobody and can be submitted again.
What cannot be read from a policy's document counts as needing one.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from atlaspay.core.money import exponent
from compliance.models import Decision
from compliance.screening import live
from compliance.services.docket import Docket

AMOUNT, OVERRIDE, SANCTIONS = "amount", "override", "sanctions"
# These need a lead as the second officer; an amount needs any other officer.
LEADS_ONLY = frozenset({OVERRIDE, SANCTIONS})
WORDS = {
    AMOUNT: "the amount reaches the limit for one officer",
    OVERRIDE: "it is blocked",
    SANCTIONS: "it may match a sanctions list",
}
UNKNOWN_CLASS = "unknown"
_CLASS_OF_RULE = {
    "amount_at_least": "amount",
    "country_in": "country",
    "account_velocity": "velocity",
    "partner_velocity": "velocity",
    "watchlist_name": "sanctions",
    "duplicate_elsewhere": "duplicate",
}


def reasons(docket: Docket, kind: str) -> list[str]:
    """Return why this decision needs a second officer, empty where it does not."""
    if kind == Decision.Kind.REJECT:
        return []
    found = []
    if docket.payout.amount_minor >= limit_minor(docket):
        found.append(AMOUNT)
    if kind == Decision.Kind.OVERRIDE or docket.case.is_blocked:
        found.append(OVERRIDE)
    if is_sanctions_hit(docket):
        found.append(SANCTIONS)
    return found


def is_sanctions_hit(docket: Docket) -> bool:
    """Say whether a rule of class sanctions, or one whose class nobody knows, flagged the case."""
    return bool(classes(docket) & {"sanctions", UNKNOWN_CLASS})


def classes(docket: Docket) -> set[str]:
    """Return the classes of the rules that flagged a case."""
    # A code may have changed its class from one policy to the next: each class it had counts.
    known = {
        (code, rule_class)
        for run in docket.runs
        for code, rule_class in rule_classes(docket.policies[run.policy_id]).items()
    }
    codes = set(docket.case.codes)
    found = {rule_class for code, rule_class in known if code in codes}
    return found | ({UNKNOWN_CLASS} if codes - {code for code, _ in known} else set())


def rule_classes(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the class of each rule of a policy by its code, for both document formats."""
    return {
        rule["code"]: rule.get("class") or _CLASS_OF_RULE.get(rule.get("rule", ""), UNKNOWN_CLASS)
        for rule in document.get("rules", ())
    }


def limit_minor(docket: Docket) -> int:
    """Return the amount in minor units from which an approval needs two officers; the least of the
    policies that flagged the case."""
    limits = [
        _limit_of(run.policy_id, docket.policies[run.policy_id], docket.payout.currency)
        for run in docket.runs
    ]
    return min(limits, default=0)


def _limit_of(number: int, document: Mapping[str, Any], currency: str) -> int:
    if document.get("four_eyes") is None:
        return _limit_of_setting(document, currency)
    # None: the policy does not compile here, or does not know the currency.
    return live.policy(number).four_eyes_minor(currency) or 0


def _limit_of_setting(document: Mapping[str, Any], currency: str) -> int:
    """Where a policy names no limit the setting counts; in units of the amount rule of a policy of
    the first format, which says what 10,000 of a strong currency are in a weak one."""
    major: int = settings.ATLASPAY_FOUR_EYES_MAJOR
    for rule in document.get("rules", ()):
        if rule.get("rule") == "amount_at_least":
            limits = rule["parameters"]
            scaled = limits.get("major_by_currency", {}).get(currency, limits["major"])
            major = major * scaled // limits["major"]
            break
    return major * int(10 ** exponent(currency))
