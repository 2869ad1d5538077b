"""The form of a version of automatic approval: plain fields to its document and back."""

from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from compliance.admin.words import code_words
from compliance.models import Policy
from compliance.rules.auto import NEVER_CLASSES
from compliance.screening import live
from compliance.services.four_eyes import rule_classes
from payouts.services.funding import HOME_RAILS

CURRENCIES = tuple(HOME_RAILS)
NUMBERS = (
    ("day_count", "Payouts a day", 100, 1, 100_000),
    ("days", "Days of the record", 90, 7, 365),
    ("decided", "Decisions it needs at least", 50, 50, 100_000),
    ("approved_percent", "Percent approved, for certain", 95, 90, 99),
    ("holdout_percent", "Percent held out for people", 10, 5, 100),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One rule that may be answered."""

    code: str
    words: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number's field with its bounds."""

    name: str
    label: str
    value: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Amounts:
    """One currency's two fields."""

    currency: str
    each: str
    day: str


@dataclass(frozen=True, slots=True)
class Form:
    """What the page shows; after a refusal, what was typed."""

    codes: list[Choice]
    amounts: list[Amounts]
    numbers: list[Number]
    excluded: str
    note: str


def form_of(posted: QueryDict | None) -> Form:
    """Return the form, filled with what was posted or with careful numbers."""
    chosen = set(posted.getlist("codes")) if posted is not None else set()

    def value(name: str, default: str) -> str:
        return default if posted is None else posted.get(name, "")

    return Form(
        codes=[Choice(code, code_words(code), code in chosen) for code in _answerable()],
        amounts=[
            Amounts(each, value(f"each_{each}", ""), value(f"day_{each}", ""))
            for each in CURRENCIES
        ],
        numbers=[
            Number(name, label, value(name, str(default)), low, high)
            for name, label, default, low, high in NUMBERS
        ],
        excluded=value("excluded", ""),
        note=value("note", ""),
    )


def document_of(posted: QueryDict) -> dict[str, Any]:
    """Return the document that the fields say; the service finds what is wrong with it."""
    document: dict[str, Any] = {
        "codes": posted.getlist("codes"),
        "max_amount": _amounts(posted, "each_"),
        "day_amount": _amounts(posted, "day_"),
        "day_count": _number(posted.get("day_count", "")),
        "record": {
            name: _number(posted.get(name, "")) for name in ("days", "decided", "approved_percent")
        },
        "holdout_percent": _number(posted.get("holdout_percent", "")),
    }
    if excluded := posted.get("excluded", "").split():
        document["excluded_partners"] = excluded
    return document


def _amounts(posted: QueryDict, prefix: str) -> dict[str, str]:
    typed = {each: posted.get(prefix + each, "").strip() for each in CURRENCIES}
    return {currency: text for currency, text in typed.items() if text}


def _number(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _answerable() -> list[str]:
    number = live.live_number() or 0
    document = Policy.objects.values_list("document", flat=True).filter(number=number).first()
    classes = {} if document is None else rule_classes(document)
    return sorted(code for code, kind in classes.items() if kind not in NEVER_CLASSES)
