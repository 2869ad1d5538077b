"""The changes of one fact that could turn a condition over, each with its words and its size.

Waiting is a change too: it empties windows and makes partners and recipients older. What somebody
else would have to pay meanwhile is left out of account.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from atlaspay.core.money import display
from compliance.rules.actual import Values, actual_of
from compliance.rules.catalogue import Kind, Op
from compliance.rules.closures import compile_condition
from compliance.rules.tree import Condition, Limits, Members
from compliance.rules.windows import hours_of, words_of

_AGES = ("partner_age", "recipient_age")
# Codes that stand for "another": user-assigned ones of ISO 3166, or of nobody.
_ANOTHER = {"recipient_country": "ZZ", "partner_country": "ZZ", "rail": "another_rail"}


@dataclass(frozen=True, slots=True)
class Change:
    """Facts that would differ. `handle` is what a person could change (changes of one handle
    exclude each other); `size` orders the changes of a handle, smallest first."""

    handle: str
    words: str
    facts: Mapping[str, Any]
    size: float


def changes_of(condition: Condition, values: Values) -> Iterator[Change]:
    """Yield the changes that could turn this condition over, the nearest ones of each handle."""
    spec = condition.spec
    if isinstance(condition.value, Limits):
        yield from _amounts(condition, condition.value, values)
    if condition.hours:
        yield from _waits(condition, values)
    elif condition.fact in _AGES:
        yield from _ages(condition, values)
    elif condition.fact == "name_similarity":
        yield from _names(condition, values)
    elif condition.fact == "first_to_account":
        yield _seen_before(values)
    elif spec.kind is Kind.CODE:
        yield from _codes(condition, values)


def _amounts(condition: Condition, limits: Limits, values: Values) -> Iterator[Change]:
    """A sum changes with the payout's own amount."""
    currency, amount = str(values["currency"]), int(values["amount_minor"])
    limit = limits.minor().get(currency)
    total = actual_of(condition)(values)
    if limit is None or total is None:
        return
    # The amounts on either side of the border where the condition turns over.
    for border in (limit - 1, limit, limit + 1):
        new = amount + border - total
        if new < 1 or new == amount:
            continue
        at = "at most" if new < amount else "at least"
        yield Change(
            "amount",
            f"an amount of {at} {display(new, currency)}",
            {"amount_minor": new},
            abs(new - amount) / amount,
        )


def _waits(condition: Condition, values: Values) -> Iterator[Change]:
    yield _later(condition.hours, values)


def _ages(condition: Condition, values: Values) -> Iterator[Change]:
    days, limit = actual_of(condition)(values), condition.value
    if days is None or not isinstance(limit, int):
        return
    for wanted in (limit, limit + 1):
        if wanted > days:
            yield _later((wanted - days) * 24, values)


def _later(hours: int, values: Values) -> Change:
    """The same payout, submitted so much later, with nothing else paid meanwhile."""
    facts: dict[str, Any] = {}
    for name, value in values.items():
        if name.endswith("_age_days") and value is not None:
            # A recipient whom nobody paid yet is no older for waiting.
            is_new = name == "recipient_age_days" and value == 0
            facts[name] = value if is_new else value + hours // 24
            continue
        window = hours_of(name.rpartition("_")[2])
        if window is not None and window <= hours and value:
            facts[name] = type(value)()
    return Change(
        "time",
        f"the same payout {_when(hours, values)}, with nothing else paid meanwhile",
        facts,
        float(hours),
    )


def _when(hours: int, values: Values) -> str:
    submitted_at = values.get("submitted_at")
    if not submitted_at:
        return f"{words_of(hours)} later"
    at = datetime.fromisoformat(submitted_at) + timedelta(hours=hours)
    return f"after {at:%Y-%m-%d %H:%M} UTC"


def _names(condition: Condition, values: Values) -> Iterator[Change]:
    """Other names would not resemble these entries; the fewest that must go are those above the
    limit."""
    limit = condition.value
    hits = values.get("watch_hits") or ()
    if not isinstance(limit, int):
        return
    for least in (limit, limit + 1):
        kept = tuple(
            hit
            for hit in hits
            if hit["similarity"] < least or (condition.lists and hit["list"] not in condition.lists)
        )
        if len(kept) < len(hits):
            gone = [hit["entry"] for hit in hits if hit not in kept]
            named = " or ".join(f"“{name}”" for name in gone[:3])
            yield Change(
                "name",
                f"a name that does not resemble {named}",
                {"watch_hits": kept},
                float(len(gone)),
            )


def _seen_before(values: Values) -> Change:
    if values.get("is_first_to_account"):
        words = "an account that was paid before"
    else:
        words = "an account that was never paid before"
    changed = not values.get("is_first_to_account")
    return Change("account", words, {"is_first_to_account": changed}, 1.0)


def _codes(condition: Condition, values: Values) -> Iterator[Change]:
    """Another code than the one it is, or one of those it should be."""
    fact = condition.fact
    if fact not in _ANOTHER and fact != "account_type":
        return
    holds = compile_condition(condition)(values)
    wants_other = condition.op in (Op.IS, Op.IN)
    if holds is None:
        return
    subject = condition.spec.words.removeprefix("the ")
    if holds == wants_other:
        if fact in _ANOTHER:
            words = f"another {subject} than {values[fact]}"
            yield Change(fact, words, {fact: _ANOTHER[fact]}, 1.0)
        return
    value = condition.value
    wanted = value.values[0] if isinstance(value, Members) else str(value)
    yield Change(fact, f"{wanted} as {subject}", {fact: wanted}, 1.0)
