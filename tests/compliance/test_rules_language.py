"""The language of conditions: what it says of facts, and what it refuses with which words."""

from typing import Any

import pytest

from compliance.rules.errors import PolicyError
from compliance.rules.facts import Facts
from compliance.rules.policy import Assessment, CompiledPolicy, compile_document
from tests.compliance.rule_documents import asks, document, rule

OWN = {
    "payout_id": "po_1",
    "partner_id": "pt_00000000000000000000000001",
    "amount_minor": 1_000_000,
    "currency": "EUR",
    "recipient_name": "Søren Kvist GmbH",
    "recipient_country": "RU",
    "account_type": "iban",
    "account_bank": "NLATLS",
    "submitted_at": "2026-11-22T10:00:00.000Z",
}
HIT = {
    "list": "ofac",
    "entry_id": 7,
    "entry": "Viktor Drazhenko",
    "similarity": 94,
    "alignment": [["viktor", "victor"]],
}
OTHER = {**HIT, "list": "un", "entry_id": 8, "entry": "Vikta Drashenko", "similarity": 81}


def assess(when: dict[str, Any], **facts: object) -> Assessment:
    return compile_document(document(rule(when))).assess(Facts({**OWN, **facts}))


def result(when: dict[str, Any], **facts: object) -> str:
    """Return hit, error or clear."""
    findings = assess(when, **facts).findings
    return findings[0]["result"] if findings else "clear"


def words(when: dict[str, Any], **facts: object) -> str:
    return assess(when, **facts).findings[0]["words"]


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        ("at_least", "clear", "hit", "hit"),
        ("above", "clear", "clear", "hit"),
        ("at_most", "hit", "hit", "clear"),
        ("below", "hit", "clear", "clear"),
    ],
)
def test_amounts_are_compared_to_the_minor_unit(op: str, below: str, at: str, above: str) -> None:
    when = asks("amount", op, {"default": "10000", "JPY": "1600000", "KWD": "12.345"})

    for currency, limit in (("EUR", 1_000_000), ("JPY", 1_600_000), ("KWD", 12_345)):
        said = [result(when, currency=currency, amount_minor=limit + more) for more in (-1, 0, 1)]
        assert said == [below, at, above]


@pytest.mark.parametrize(
    ("when", "facts", "expected"),
    [
        (asks("currency", "is", "EUR"), {}, "hit"),
        (asks("currency", "is_not", "EUR"), {}, "clear"),
        (asks("recipient_country", "in", ["IR", "RU"]), {}, "hit"),
        (asks("recipient_country", "not_in", ["IR", "RU"]), {}, "clear"),
        (asks("account_country", "is", "NL"), {}, "hit"),
        (asks("account_country", "is", "GB"), {"account_type": "uk"}, "hit"),
        (asks("account_abroad", "is", True), {}, "hit"),
        (asks("account_abroad", "is", True), {"recipient_country": "NL"}, "clear"),
        (asks("corridor", "is", "NL-RU"), {"partner_country": "NL"}, "hit"),
        (asks("rail", "is", "sepa_inst"), {"rail": "fednow"}, "clear"),
        (asks("account_type", "in", ["us", "uk"]), {}, "clear"),
        (asks("partner", "in", [OWN["partner_id"]]), {}, "hit"),
        (asks("recipient_name", "in", ["GMBH SOREN  KVIST"]), {}, "hit"),
        (asks("recipient_name", "in", ["Sören Quist"]), {}, "clear"),
        (asks("partner_age", "below", 30), {"partner_age_days": 29}, "hit"),
        (asks("partner_age", "below", 30), {"partner_age_days": 30}, "clear"),
        (asks("recipient_age", "is", 0), {"recipient_age_days": 0}, "hit"),
        (asks("first_to_account", "is", False), {"is_first_to_account": True}, "clear"),
        (asks("account_count", "above", 2, window="1h"), {"account_count_1h": 1}, "clear"),
        (asks("account_count", "above", 2, window="1h"), {"account_count_1h": 2}, "hit"),
        (asks("partner_count", "at_least", 5, window="7d"), {"partner_count_7d": 4}, "hit"),
        (asks("has_twin", "is", True, window="3d"), {"twin_3d": "po_2"}, "hit"),
        (asks("has_twin", "is", True, window="3d"), {"twin_3d": ""}, "clear"),
        (
            asks("destination_changed", "is", True, window="24h"),
            {"destination_changed_24h": True},
            "hit",
        ),
        (asks("name_similarity", "at_least", 94), {"watch_hits": (HIT,)}, "hit"),
        (asks("name_similarity", "above", 94), {"watch_hits": (HIT,)}, "clear"),
        (asks("name_similarity", "at_least", 80), {"watch_hits": ()}, "clear"),
        (asks("name_similarity", "at_least", 90, lists=["un"]), {"watch_hits": (HIT,)}, "clear"),
        (asks("name_similarity", "at_least", 80, lists=["un"]), {"watch_hits": (OTHER,)}, "hit"),
    ],
)
def test_each_fact_is_compared(when: dict, facts: dict, expected: str) -> None:
    assert result(when, **facts) == expected


def test_a_sum_counts_this_payout() -> None:
    when = asks("account_sum", "above", "50000", window="24h")

    assert result(when, account_sum_24h=4_000_000, account_count_24h=3) == "clear"
    assert words(when, account_sum_24h=4_000_001, account_count_24h=3) == (
        "50,000.01 EUR in 4 payouts to this account within 24 hours is above the limit of"
        " 50,000.00 EUR."
    )


def test_a_sum_over_a_full_window_is_not_taken_for_small() -> None:
    above = asks("account_sum", "above", "50000", window="90d")
    below = asks("account_sum", "below", "50000", window="90d")
    full = {"account_count_90d": 200, "account_sum_90d": 1_000}

    assert result(above, **full) == "error"
    assert result(below, **full) == "error"
    full["account_sum_90d"] = 4_100_000
    assert result(above, **full) == "hit"
    assert result(below, **full) == "clear"


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (asks("partner_age", "below", 30), "error"),
        (asks("rail", "is_not", "rtp"), "error"),
        (asks("corridor", "is", "NL-RU"), "error"),
        (asks("name_similarity", "at_least", 80), "error"),
        (asks("destination_changed", "is", False, window="24h"), "error"),
        (asks("account_sum", "above", "1", window="24h"), "error"),
        # What is known decides, in whatever order it stands.
        ({"all": [asks("partner_age", "below", 30), asks("currency", "is", "USD")]}, "clear"),
        ({"all": [asks("currency", "is", "USD"), asks("partner_age", "below", 30)]}, "clear"),
        ({"any": [asks("partner_age", "below", 30), asks("currency", "is", "EUR")]}, "hit"),
        ({"any": [asks("partner_age", "below", 30), asks("currency", "is", "USD")]}, "error"),
        ({"not": asks("partner_age", "below", 30)}, "error"),
    ],
)
def test_what_is_not_known_is_never_agreement(when: dict, expected: str) -> None:
    assert result(when) == expected


def test_an_error_holds_and_says_what_is_missing() -> None:
    assessed = assess(asks("partner_age", "below", 30))

    assert assessed.verdict == "review"
    assert assessed.findings[0]["words"] == (
        "The rule could not be evaluated: not known: the time since the partner joined."
    )


def test_groups_and_negation() -> None:
    dear, russian = asks("amount", "at_least", "10000"), asks("recipient_country", "is", "RU")

    assert result({"all": [dear, russian]}) == "hit"
    assert result({"all": [dear, {"not": russian}]}) == "clear"
    assert result({"not": {"any": [{"not": dear}, {"not": russian}]}}) == "hit"
    assert result({"not": asks("account_abroad", "is", True)}) == "clear"


def test_a_hit_says_what_was_met_with_its_figures() -> None:
    when = {
        "any": [
            asks("amount", "at_least", "10000"),
            asks("recipient_country", "in", {"list": "risky"}),
            asks("currency", "is", "USD"),
        ]
    }
    lists = {"risky": {"title": "High risk", "of": "country", "values": ["RU", "IR"]}}

    assessed = compile_document(document(rule(when), lists=lists)).assess(Facts(OWN))

    assert assessed.findings[0]["words"] == (
        "10,000.00 EUR reaches the limit of 10,000.00 EUR."
        " The recipient's country is RU, which is on the list “High risk”."
    )
    assert assessed.findings[0]["trace"] == {
        "conditions": [
            {"fact": "amount", "op": "at_least", "value": 1_000_000, "actual": 1_000_000},
            {
                "fact": "recipient_country",
                "op": "in",
                "value": {"list": "risky"},
                "actual": "RU",
            },
        ]
    }


def test_a_likeness_keeps_its_hits_and_the_safe_ones() -> None:
    when = asks("name_similarity", "at_least", 90)
    safe = {**HIT, "entry_id": 9}

    finding = assess(when, watch_hits=(HIT, OTHER), safe_hits=(safe,)).findings[0]

    assert finding["words"] == ("The name resembles “Viktor Drazhenko” (94 %) on the list “ofac”.")
    assert (finding["trace"]["hits"], finding["trace"]["safe"]) == ([HIT], [safe])


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (asks("amount", "at_least", "10000"), "the amount is at least 10,000"),
        (
            asks("amount", "above", {"default": "10", "JPY": "1600"}),
            "the amount is above 10 (or 1,600 JPY)",
        ),
        (
            asks("account_count", "above", 25, window="24h"),
            "the number of payouts to this account within 24 hours, this one included, is above"
            " 25 payouts",
        ),
        (
            {"not": asks("recipient_country", "in", ["RU", "IR"])},
            "the recipient's country is none of IR, RU",
        ),
        (
            {
                "all": [
                    asks("first_to_account", "is", True),
                    {"any": [asks("rail", "is", "rtp"), asks("currency", "is", "USD")]},
                ]
            },
            "it is the first payout to this account and (the rail is rtp or the currency is USD)",
        ),
        (
            asks("destination_changed", "is", False, window="48h"),
            "it is not so that the recipient's account changed within 2 days",
        ),
        (
            asks("name_similarity", "at_least", 80, lists=["un", "ofac"]),
            "the likeness to a listed name on ofac, un is at least 80 %",
        ),
    ],
)
def test_a_rule_reads_as_a_sentence(when: dict, expected: str) -> None:
    assert compile_document(document(rule(when))).rules[0].words == expected


def problems(made: object) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as caught:
        compile_document(made)
    return caught.value.problems


GOOD = asks("amount", "at_least", "1")


@pytest.mark.parametrize(
    ("when", "pointer", "part"),
    [
        (None, "", "Write a condition"),
        ({}, "", "Write a condition"),
        ([], "", "Write a condition"),
        ({"all": []}, "/all", "at least one"),
        ({"all": [GOOD], "any": [GOOD]}, "", "Beside 'all'"),
        ({"not": {}}, "/not", "Write a condition"),
        (asks("guess", "is", 1), "/fact", "no fact 'guess'"),
        (asks("amount", "is", "1"), "/op", "can be asked: at_least"),
        (asks("amount", ["above"], "1"), "/op", "can be asked"),
        (asks("amount", "above", 1), "/value", "amount as text"),
        (asks("amount", "above", {"EUR": "1"}), "/value", '"default"'),
        (asks("amount", "above", "1.5"), "/value/default", "no decimals"),
        (asks("amount", "above", {"default": "1", "JPY": "1.5"}), "/value/JPY", "no decimals"),
        (asks("amount", "above", {"default": "1", "EUR": "1.555"}), "/value/EUR", "2 decimals"),
        (asks("amount", "above", {"default": "1", "EUR": "1e3"}), "/value/EUR", "as text"),
        (asks("amount", "above", {"default": "1", "EUR": "-1"}), "/value/EUR", "as text"),
        (asks("amount", "above", {"default": "1", "XYZ": "1"}), "/value/XYZ", "no currency"),
        (asks("amount", "above", "1", window="1h"), "/window", "takes no 'window'"),
        (asks("account_count", "above", 5), "/window", "1h to 90d"),
        (asks("account_count", "above", 5, window="91d"), "/window", "1h to 90d"),
        (asks("account_count", "above", 200, window="1d"), "/value", "0 to 199"),
        (asks("account_count", "above", 2.0, window="1d"), "/value", "whole number"),
        (asks("account_count", "above", True, window="1d"), "/value", "whole number"),
        (asks("name_similarity", "at_least", 101), "/value", "0 to 100"),
        (asks("name_similarity", "at_least", 80, lists=[]), "/lists", "leave it out"),
        (asks("first_to_account", "is", 1), "/value", "true or false"),
        (asks("recipient_country", "in", []), "/value", "1 to 5,000"),
        (asks("recipient_country", "in", ["Russia"]), "/value/0", "two-letter"),
        (asks("recipient_country", "in", "RU"), "/value", "list of"),
        (asks("recipient_country", "is", ["RU"]), "/value", "two-letter"),
        (asks("recipient_country", "in", {"list": "none"}), "/value/list", "no list 'none'"),
        (asks("recipient_country", "in", {"list": "people"}), "/value/list", "no fit"),
        (asks("currency", "is", {}), "/value", "currency codes"),
        ({**GOOD, "why": 1, "a/b": 2}, "/a~1b", "takes no 'a/b'"),
    ],
)
def test_a_wrong_condition_is_named_with_its_place(when: object, pointer: str, part: str) -> None:
    lists = {"people": {"title": "People", "of": "name", "values": ["Ann"]}}

    found = problems(document(rule(when), lists=lists))  # type: ignore[arg-type]

    assert found[0][0] == f"/rules/0/when{pointer}"
    assert part in found[0][1]


@pytest.mark.parametrize(
    ("made", "pointer", "part"),
    [
        (None, "", "JSON object"),
        ({"format": 3}, "/format", "format is 2"),
        (document(), "/rules", "1 to 100"),
        (document(rule(GOOD), rule(GOOD)), "/rules/1/code", "already"),
        (document(rule(GOOD, code="A b")), "/rules/0/code", "lower-case"),
        (document(rule(GOOD, title=" x")), "/rules/0/title", "title"),
        (document(rule(GOOD, title="x\ny")), "/rules/0/title", "title"),
        (document(rule(GOOD, weight=0)), "/rules/0/weight", "1 to 1,000"),
        (document(rule(GOOD, blocks="yes")), "/rules/0/blocks", "true or false"),
        (document(rule(GOOD, **{"class": "fun"})), "/rules/0/class", "sanctions"),
        (document(rule(GOOD, note="")), "/rules/0/note", "called 'note'"),
        (document(rule(GOOD), extra=1), "/extra", "called 'extra'"),
        (document(rule(GOOD), four_eyes=25_000), "/four_eyes", '"default"'),
        (document(rule(GOOD), lists={"x": 1}), "/lists/x", "title"),
        (
            document(rule(GOOD), lists={"x": {"title": "X", "of": "names", "values": ["a"]}}),
            "/lists/x/of",
            "one of",
        ),
        (
            document(rule(GOOD), thresholds={"review_score": 10, "review_minutes": 0}),
            "/thresholds/review_minutes",
            "whole number",
        ),
        (
            document(
                rule(GOOD),
                thresholds={"review_score": 10, "review_minutes": 1, "block_score": 9},
            ),
            "/thresholds/block_score",
            "no less",
        ),
    ],
)
def test_a_wrong_document_is_named_with_its_place(made: Any, pointer: str, part: str) -> None:
    found = problems(made)

    assert found[0][0] == pointer
    assert part in found[0][1]


def test_every_problem_is_named_at_once() -> None:
    wrong = rule(asks("guess", "is", 1), code="x")
    places = [place for place, _ in problems(document(wrong, {**wrong, "weight": 0}, junk=1))]

    assert places == ["/junk", "/rules/0/when/fact", "/rules/1/weight", "/rules/1/when/fact"]


def test_depth_size_and_windows_are_bounded() -> None:
    deep: dict[str, Any] = GOOD
    for _ in range(8):
        deep = {"not": deep}
    assert "nested 8 deep" in problems(document(rule(deep)))[0][1]

    assert "at most 100" in problems(document(rule({"any": [GOOD] * 100})))[0][1]

    many = [asks("account_count", "above", 5, window=f"{hours}h") for hours in range(1, 8)]
    assert problems(document(rule({"any": many})))[0] == (
        "/rules",
        "Windows of 7 lengths look at the account; 6 at most.",
    )


def scored(*weights: int, facts: dict | None = None, **more: object) -> Assessment:
    rules = [
        rule(GOOD, code=f"rule_{index}", weight=weight) for index, weight in enumerate(weights)
    ]
    return compile_document(document(*rules, **more)).assess(Facts({**OWN, **(facts or {})}))


def test_a_score_holds_and_a_higher_one_blocks() -> None:
    thresholds = {"review_score": 30, "review_minutes": 5, "block_score": 60}

    assert [scored(weight, thresholds=thresholds).verdict for weight in (29, 30, 59, 60)] == [
        "clear",
        "review",
        "review",
        "block",
    ]


def test_a_blocking_rule_blocks_whatever_the_score() -> None:
    made = document(rule(GOOD, weight=1, blocks=True))

    assert compile_document(made).assess(Facts(OWN)).verdict == "block"


def test_a_snoozed_rule_is_kept_and_weighs_nothing() -> None:
    assessed = scored(40, 5, facts={"snoozed": ("rule_0",)})

    assert (assessed.verdict, assessed.score, assessed.codes) == ("clear", 5, ["rule_1"])
    assert [each["result"] for each in assessed.findings] == ["snoozed", "hit"]


@pytest.mark.parametrize("more", [{"class": "sanctions"}, {"blocks": True}])
def test_a_rule_about_sanctions_or_a_block_cannot_be_snoozed(more: dict) -> None:
    compiled = compile_document(document(rule(GOOD, **more)))

    assert compiled.rules[0].can_be_snoozed is False
    assert not compiled.assess(Facts({**OWN, "snoozed": ("one",)})).is_clear


def test_a_snoozed_rule_that_errs_holds_all_the_same() -> None:
    made = document(rule(asks("partner_age", "below", 3)))

    assert compile_document(made).assess(Facts({**OWN, "snoozed": ("one",)})).verdict == "review"


def test_the_limit_for_a_second_officer_is_by_currency() -> None:
    made = document(rule(GOOD), four_eyes={"default": "25000", "JPY": "4000000"})
    compiled = compile_document(made)

    assert compiled.four_eyes_minor("EUR") == 2_500_000
    assert compiled.four_eyes_minor("JPY") == 4_000_000
    assert compiled.four_eyes_minor("KWD") == 25_000_000
    assert compiled.four_eyes_minor("XXX") is None


def test_only_what_is_asked_for_is_gathered() -> None:
    compiled = CompiledPolicy(
        1,
        document(
            rule(asks("account_sum", "above", "1", window="48h"), code="a"),
            rule(asks("has_twin", "is", True, window="24h"), code="b"),
            rule(asks("partner_age", "below", 3), code="c"),
        ),
    )

    assert dict(compiled.needs.defaults()) == {
        "account_count_2d": 0,
        "account_sum_2d": 0,
        "twin_24h": "",
        "twin_batch_24h": "",
        "partner_age_days": 0,
        "snoozed": (),
    }
