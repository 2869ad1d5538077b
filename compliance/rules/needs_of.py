"""Which facts the conditions of a policy ask for."""

from collections.abc import Iterable

from compliance.rules.needs import Needs
from compliance.rules.tree import Condition, Tree, conditions

_FLAGS = {
    "first_to_account": Needs(first_to_account=True),
    "recipient_age": Needs(recipient_age=True),
    "partner_age": Needs(partner_age=True),
    "partner_country": Needs(partner_country=True),
    "corridor": Needs(partner_country=True),
    "rail": Needs(rail=True),
    "name_similarity": Needs(watchlists=True),
}


def needs_of(trees: Iterable[Tree]) -> Needs:
    """Return what has to be gathered for these conditions."""
    total = Needs()
    for tree in trees:
        for condition in conditions(tree):
            total = total | _of(condition)
    return total


def _of(condition: Condition) -> Needs:
    if condition.lists:
        return Needs(watchlists=True, lists=frozenset(condition.lists))
    if not condition.hours:
        return _FLAGS.get(condition.fact, Needs())
    hours = frozenset({condition.hours})
    match condition.fact:
        case "account_count" | "account_sum":
            return Needs(account_windows=hours)
        case "recipient_count" | "recipient_sum":
            return Needs(recipient_windows=hours)
        case "partner_count" | "partner_sum":
            return Needs(partner_windows=hours)
        case "has_twin":
            return Needs(twin_windows=hours)
        case _:
            return Needs(destination_windows=hours)
