"""What would have cleared a payout, with the figures on either side of each border."""

import pytest

from compliance.rules.clearance import what_would_clear
from compliance.rules.facts import Facts
from compliance.rules.policy import compile_document
from tests.compliance.rule_documents import asks, document, rule
from tests.compliance.test_rules_language import HIT, OTHER, OWN


def words(*whens: dict, facts: dict | None = None, **more: object) -> list[str]:
    rules = [rule(when, code=f"rule_{index}") for index, when in enumerate(whens)]
    compiled = compile_document(document(*rules, **more))
    return [one.words for one in what_would_clear(compiled, Facts({**OWN, **(facts or {})}))]


@pytest.mark.parametrize(
    ("when", "facts", "expected"),
    [
        (asks("amount", "at_least", "10000"), {}, ["An amount of at most 9,999.99 EUR."]),
        (asks("amount", "above", "9999"), {}, ["An amount of at most 9,999.00 EUR."]),
        (asks("amount", "below", "20000"), {}, ["An amount of at least 20,000.00 EUR."]),
        (
            asks("account_sum", "above", "15000", window="24h"),
            {"account_sum_24h": 700_000, "account_count_24h": 2},
            [
                "An amount of at most 8,000.00 EUR.",
                "The same payout after 2026-11-23 10:00 UTC, with nothing else paid meanwhile.",
            ],
        ),
        (
            asks("account_count", "above", 2, window="24h"),
            {"account_count_24h": 2},
            ["The same payout after 2026-11-23 10:00 UTC, with nothing else paid meanwhile."],
        ),
        (
            asks("partner_age", "below", 30),
            {"partner_age_days": 28},
            ["The same payout after 2026-11-24 10:00 UTC, with nothing else paid meanwhile."],
        ),
        (
            asks("name_similarity", "at_least", 90),
            {"watch_hits": (HIT, OTHER)},
            ["A name that does not resemble “Viktor Drazhenko”."],
        ),
        (
            asks("recipient_country", "in", ["RU"]),
            {},
            ["Another recipient's country than RU."],
        ),
        (
            asks("first_to_account", "is", True),
            {"is_first_to_account": True},
            ["An account that was paid before."],
        ),
        (asks("partner", "is", OWN["partner_id"]), {}, []),
        (asks("partner_age", "below", 30), {}, []),
    ],
)
def test_one_condition(when: dict, facts: dict, expected: list[str]) -> None:
    assert words(when, facts=facts) == expected


def test_of_all_any_one_will_do_and_of_any_all_must_go() -> None:
    dear, russian = asks("amount", "at_least", "10000"), asks("recipient_country", "is", "RU")

    assert words({"all": [dear, russian]}) == [
        "An amount of at most 9,999.99 EUR.",
        "Another recipient's country than RU.",
    ]
    both = ["An amount of at most 9,999.99 EUR and another recipient's country than RU."]
    assert words({"any": [dear, russian]}) == both
    assert words(dear, russian) == both


def test_only_what_brings_the_score_below_the_limit_must_go() -> None:
    dear, russian = asks("amount", "at_least", "10000"), asks("recipient_country", "is", "RU")
    thresholds = {"review_score": 20, "review_minutes": 5}

    assert words(dear, russian, thresholds=thresholds) == [
        "An amount of at most 9,999.99 EUR.",
        "Another recipient's country than RU.",
    ]


def test_a_smaller_amount_that_another_rule_holds_is_not_offered() -> None:
    dear, cheap = asks("amount", "at_least", "10000"), asks("amount", "below", "10000")

    assert words(dear, cheap) == []


def test_a_clear_payout_needs_nothing() -> None:
    assert words(asks("amount", "above", "10000")) == []


def test_a_policy_of_the_first_format_is_answered_as_well() -> None:
    compiled = compile_document(
        {
            "rules": [
                {
                    "code": "amount",
                    "rule": "amount_at_least",
                    "weight": 30,
                    "parameters": {"major": 10_000},
                }
            ],
            "thresholds": {"review_score": 20, "review_minutes": 30},
        }
    )

    (only,) = what_would_clear(compiled, Facts(OWN))
    assert (only.words, only.rules) == ("An amount of at most 9,999.99 EUR.", ("amount",))
