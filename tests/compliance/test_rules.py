"""Each rule at, above and below its limit; the policy over them."""

import pytest

from compliance.rules.errors import PolicyError
from compliance.rules.facts import Facts, thaw
from compliance.rules.library import RULES
from compliance.rules.policy import CompiledPolicy

OWN = {
    "payout_id": "po_1",
    "partner_id": "pt_1",
    "amount_minor": 10_000,
    "currency": "EUR",
    "recipient_name": "Anna Jansen",
    "recipient_country": "NL",
}
FACTS = Facts(OWN)
HIT = {
    "list": "synthetic",
    "entry_id": 7,
    "entry": "Viktor Drazhenko",
    "similarity": 94,
    "alignment": [["viktor", "victor"]],
}


def words(rule: str, parameters: dict, **facts: object) -> str:
    hit = RULES[rule](parameters)(FACTS.changed(facts))
    return hit.words if hit else ""


def test_amount_counts_in_the_currency_own_minor_units() -> None:
    limit = {"major": 10_000, "major_by_currency": {"JPY": 1_600_000}}

    assert words("amount_at_least", limit, amount_minor=999_999) == ""
    assert words("amount_at_least", limit, amount_minor=1_000_000) == (
        "10,000.00 EUR reaches the limit of 10,000.00 EUR."
    )
    assert words("amount_at_least", limit, amount_minor=1_600_000, currency="JPY") == (
        "1,600,000 JPY reaches the limit of 1,600,000 JPY."
    )
    assert words("amount_at_least", limit, amount_minor=9_999_999, currency="KWD") == ""
    assert words("amount_at_least", limit, amount_minor=10_000_000, currency="KWD") != ""


def test_velocity_counts_the_payout_itself() -> None:
    limits = {"count": 25, "major": 50_000}

    assert words("account_velocity", limits, account_count_24h=24) == ""
    assert words("account_velocity", limits, account_count_24h=25, account_sum_24h=250_000) == (
        "26 payouts with 2,600.00 EUR to this account within 24 hours"
        " (limits: 25 payouts, 50,000.00 EUR)."
    )
    sums = {"account_count_24h": 1, "account_sum_24h": 4_990_000}
    assert words("account_velocity", limits, **sums) == ""
    sums["account_sum_24h"] = 4_990_001
    assert words("account_velocity", limits, **sums) != ""


def test_one_large_payout_is_no_velocity() -> None:
    assert words("account_velocity", {"count": 25, "major": 50_000}, amount_minor=9_000_000) == ""


def test_country_watchlist_duplicate_and_partner() -> None:
    assert words("country_in", {"countries": ["RU"]}, recipient_country="RU") == (
        "The recipient's country RU is on the policy's list."
    )
    assert words("watchlist_name", {"similarity": 95}, watch_hits=(HIT,)) == ""
    assert words("watchlist_name", {"similarity": 94}, watch_hits=(HIT,)) == (
        "The name resembles “Viktor Drazhenko” (94 %) on the list “synthetic”."
    )
    twin = {"twin_24h": "po_2", "twin_batch_24h": "bt_2"}
    assert words("duplicate_elsewhere", {"major": 500}, amount_minor=49_999, **twin) == ""
    assert words("duplicate_elsewhere", {"major": 500}, amount_minor=50_000, **twin) == (
        "500.00 EUR to the same account is in another batch of the last 24 hours already."
    )
    busy = {"partner_count_24h": 10, "partner_sum_24h": 1_000}
    assert words("partner_velocity", {"count": 11, "major": 110}, **busy) == ""
    assert words("partner_velocity", {"count": 10, "major": 1_000}, **busy) != ""


@pytest.mark.parametrize(
    ("rule", "parameters"),
    [
        ("amount_at_least", {}),
        ("amount_at_least", {"major": 1.5}),
        ("amount_at_least", {"major": True}),
        ("amount_at_least", {"major": 10, "major_by_currency": {"EUR": 0}}),
        ("country_in", {"countries": []}),
        ("country_in", {"countries": ["Russia"]}),
        ("account_velocity", {"count": 100, "major": 1}),
        ("watchlist_name", {"similarity": 101}),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_runs(rule: str, parameters: dict) -> None:
    with pytest.raises(PolicyError):
        RULES[rule](parameters)


def policy(*rules: dict, review_score: int = 20) -> CompiledPolicy:
    return CompiledPolicy(
        7,
        {
            "rules": list(rules),
            "thresholds": {"review_score": review_score, "review_minutes": 30},
        },
    )


AMOUNT = {
    "code": "amount",
    "rule": "amount_at_least",
    "weight": 30,
    "parameters": {"major": 100},
}
COUNTRY = {
    "code": "country",
    "rule": "country_in",
    "weight": 10,
    "parameters": {"countries": ["RU"]},
}


def test_a_policy_says_what_each_rule_said() -> None:
    assessed = policy(AMOUNT, COUNTRY).assess(FACTS)

    assert assessed.is_clear is False
    assert assessed.score == 30
    assert assessed.codes == ["amount"]
    assert [(each["code"], each["result"]) for each in assessed.findings] == [
        ("amount", "hit"),
        ("country", "no_hit"),
    ]


def test_below_the_review_score_a_hit_is_kept_but_does_not_hold() -> None:
    assessed = policy(COUNTRY).assess(FACTS.changed({"recipient_country": "RU"}))

    assert (assessed.is_clear, assessed.score, assessed.codes) == (True, 10, ["country"])


def test_nothing_found_keeps_nothing() -> None:
    assessed = policy(AMOUNT).assess(FACTS.changed({"amount_minor": 1}))

    assert (assessed.is_clear, assessed.score, assessed.findings) == (True, 0, ())


def test_a_rule_that_errs_holds_the_payout() -> None:
    assessed = policy(COUNTRY, AMOUNT, review_score=1000).assess(FACTS.changed({"currency": "XXX"}))

    assert assessed.is_clear is False
    assert [(each["code"], each["result"]) for each in assessed.findings] == [
        ("amount", "error"),
        ("country", "no_hit"),
    ]
    assert assessed.findings[0]["words"] == (
        "The rule could not be evaluated (UnknownCurrencyError)."
    )


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (AMOUNT, AMOUNT),
        ({**AMOUNT, "rule": "guess"},),
        ({**AMOUNT, "weight": 0},),
        ({**AMOUNT, "code": ""},),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(rules: tuple) -> None:
    with pytest.raises(PolicyError):
        policy(*rules)


def test_a_rule_of_the_first_format_reads_as_a_condition() -> None:
    compiled = policy(AMOUNT, COUNTRY)

    assert [rule.words for rule in compiled.rules] == [
        "the amount is at least 100",
        "the recipient's country is one of RU",
    ]
    assert [str(rule.rule_class) for rule in compiled.rules] == ["amount", "country"]
    assert compiled.four_eyes_minor("EUR") is None


def test_facts_thaw_as_they_were() -> None:
    facts = FACTS.changed({"account_count_24h": 3, "account_sum_24h": 500, "watch_hits": (HIT,)})

    assert facts.derived() == {
        "account_count_24h": 3,
        "account_sum_24h": 500,
        "watch_hits": [HIT],
    }
    assert thaw(OWN, facts.derived()) == facts


def test_facts_of_the_first_runs_thaw_under_their_new_names() -> None:
    kept = {"account_seen_count": 3, "account_seen_minor": 500, "twin_id": "po_2"}

    assert thaw(OWN, kept).values == {
        **OWN,
        "account_count_24h": 3,
        "account_sum_24h": 500,
        "twin_24h": "po_2",
    }
