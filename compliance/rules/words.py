"""Conditions and hits in words an officer reads."""

from typing import Any

from atlaspay.core.money import display
from compliance.rules.actual import Values, actual_of, is_bound, key_of, watch_hits
from compliance.rules.catalogue import OP_WORDS, Kind, Op
from compliance.rules.closures import compile_condition
from compliance.rules.facts import WINDOW_CAP
from compliance.rules.tree import Condition, Group, Limits, Members, Not, Tree, conditions, plain
from compliance.rules.windows import text_of, words_of

_SHOWN = 6
_LIMIT_WORDS = {
    Op.AT_LEAST: "reaches the limit of",
    Op.ABOVE: "is above the limit of",
    Op.AT_MOST: "is at most",
    Op.BELOW: "is below",
}


def in_words(tree: Tree) -> str:
    """Return the condition of a rule as a sentence without its full stop."""
    return _words(tree, is_inside=False)


def _words(tree: Tree, *, is_inside: bool) -> str:
    if isinstance(tree, Condition):
        return condition_words(tree)
    if isinstance(tree, Not):
        if isinstance(tree.part, Condition):
            return condition_words(tree.part.opposite())
        return f"it is not so that ({_words(tree.part, is_inside=False)})"
    joined = f" {'and' if tree.all else 'or'} ".join(
        _words(part, is_inside=len(tree.parts) > 1) for part in tree.parts
    )
    return f"({joined})" if is_inside and len(tree.parts) > 1 else joined


def condition_words(condition: Condition) -> str:
    """Return one condition in words, such as `the amount is at least 10,000`."""
    spec, window = condition.spec, words_of(condition.hours)
    if spec.kind is Kind.FLAG:
        said = spec.words.format(window=window)
        return said if condition.value else f"it is not so that {said}"
    subject = spec.words.format(window=window)
    if condition.lists:
        subject += f" on {_listed(condition.lists)}"
    return f"{subject} {OP_WORDS[condition.op]} {value_words(condition)}"


def value_words(condition: Condition) -> str:
    """Return what the fact is compared with, in words."""
    value, unit = condition.value, condition.spec.unit
    if isinstance(value, Limits):
        own = [display(minor, code) for code, minor in value.by_currency]
        if not own:
            return f"{value.default:,}"
        return f"{value.default:,} (or {_listed(own)})"
    if isinstance(value, Members):
        if value.name:
            return f"the list “{value.title or value.name}”"
        return _listed(value.values)
    return f"{value} {unit}".rstrip()


def _listed(words: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(words[:_SHOWN])
    more = len(words) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def met(tree: Tree, values: Values) -> list[Condition]:
    """Return the conditions that made a tree hold: of `all` every one, of `any` those that are
    met."""
    return _met(plain(tree), values)


def _met(tree: Condition | Group, values: Values) -> list[Condition]:
    if isinstance(tree, Condition):
        return [tree] if compile_condition(tree)(values) else []
    found = [_met(plain(part), values) for part in tree.parts]
    if tree.all and not all(found):
        return []
    return [condition for one in found for condition in one]


def unknown(tree: Tree, values: Values) -> list[str]:
    """Return what a tree could not find out, in words."""
    return sorted(
        {
            one.spec.words.format(window=words_of(one.hours)).rstrip(",")
            for one in conditions(tree)
            if compile_condition(one)(values) is None
        }
    )


def sentence(condition: Condition, values: Values) -> str:
    """Return what a met condition found, with the payout's own figures."""
    spec, window = condition.spec, words_of(condition.hours)
    currency, actual = str(values["currency"]), actual_of(condition)(values)
    if spec.kind is Kind.FLAG:
        amount = display(values["amount_minor"], currency)
        return (spec.yes if condition.value else spec.no).format(window=window, amount=amount)
    if condition.fact == "name_similarity":
        return _likeness(condition, values)
    if isinstance(condition.value, Limits):
        limit = display(condition.value.minor()[currency], currency)
        return f"{_money_words(condition, values, actual)} {_LIMIT_WORDS[condition.op]} {limit}."
    if condition.fact.endswith("_count"):
        more = "or more " if actual > WINDOW_CAP and condition.fact != "partner_count" else ""
        return (
            f"{actual} {more}payouts {_WHOSE[condition.fact]} within {window}"
            f" (limit: {OP_WORDS[condition.op].removeprefix('is ')} {condition.value})."
        )
    if condition.fact == "recipient_name":
        actual = values["recipient_name"]
    subject = _capital(spec.words.format(window=window))
    said = f"{subject} is {actual} {spec.unit}".rstrip()
    if condition.op is Op.IS:
        return f"{said}."
    if condition.op is Op.IN:
        where = value_words(condition) if _is_named(condition) else "the policy's list"
        return f"{said}, which is on {where}."
    return f"{said}; the rule asks whether it {OP_WORDS[condition.op]} {value_words(condition)}."


_WHOSE = {
    "account_count": "to this account",
    "account_sum": "to this account",
    "recipient_count": "of the partner to this recipient",
    "recipient_sum": "of the partner to this recipient",
    "partner_count": "of the partner",
    "partner_sum": "of the partner",
}


def _money_words(condition: Condition, values: Values, actual: int) -> str:
    amount = display(actual, str(values["currency"]))
    if condition.fact == "amount":
        return amount
    count = values.get(key_of(condition).replace("_sum_", "_count_"))
    least = "At least " if is_bound(condition, values) and count is not None else ""
    times = "" if count is None else f" in {count + 1} payouts"
    return f"{least}{amount}{times} {_WHOSE[condition.fact]} within {words_of(condition.hours)}"


def _likeness(condition: Condition, values: Values) -> str:
    hits = watch_hits(condition, values)
    if not hits:
        return "The name resembles no listed name."
    best = max(hits, key=lambda hit: hit["similarity"])
    others = f" and {len(hits) - 1} more" if len(hits) > 1 else ""
    return (
        f"The name resembles “{best['entry']}” ({best['similarity']} %){others}"
        f" on the list “{best['list']}”."
    )


def _is_named(condition: Condition) -> bool:
    return isinstance(condition.value, Members) and bool(condition.value.name)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def trace(found: list[Condition], values: Values) -> dict[str, Any]:
    """Return the figures behind a hit, for replay and for the case page."""
    kept: dict[str, Any] = {"conditions": [_traced(one, values) for one in found]}
    for one in found:
        if one.fact == "has_twin":
            window = text_of(one.hours)
            kept["twin_id"] = values[f"twin_{window}"]
            kept["twin_batch_id"] = values.get(f"twin_batch_{window}", "")
        elif one.fact == "destination_changed":
            kept["payout_before_id"] = values.get("destination_before", "")
        elif one.fact == "name_similarity":
            kept["hits"] = watch_hits(one, values)
            if safe := values.get("safe_hits"):
                kept["safe"] = list(safe)
    return kept


def _traced(condition: Condition, values: Values) -> dict[str, Any]:
    made = condition.as_json()
    if isinstance(condition.value, Limits):
        made["value"] = condition.value.minor()[str(values["currency"])]
    elif isinstance(condition.value, Members) and not condition.value.name:
        made["value"] = list(condition.value.values[:_SHOWN])
    return {**made, "actual": actual_of(condition)(values)}
