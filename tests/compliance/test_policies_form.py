"""The rule builder's form: a document as fields and back, nothing lost, buttons that do what they
say."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.admin.policies_form import Condition, Group, PolicyForm
from compliance.admin.policies_form_act import act
from compliance.admin.policies_form_read import UnbuildableError, from_document, from_post
from compliance.rules.catalogue import FACTS, Kind
from compliance.rules.policy import compile_document
from compliance.services.policy_words import describe, differences

# A busy machine is no fault of the form.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
DOCUMENT: dict[str, Any] = {
    "format": 2,
    "lists": {
        "closed": {"title": "Closed countries", "of": "country", "values": ["IR", "KP"]},
        "friends": {"title": "Friends", "of": "name", "values": ["Smith, John", "Ann Lee"]},
    },
    "rules": [
        {
            "code": "big",
            "title": "Big amounts",
            "class": "amount",
            "weight": 30,
            "when": {
                "fact": "amount",
                "op": "at_least",
                "value": {"default": "10000", "JPY": "1600000"},
            },
        },
        {
            "code": "odd",
            "title": "Odd ones",
            "class": "sanctions",
            "weight": 10,
            "blocks": True,
            "when": {
                "any": [
                    {"fact": "recipient_country", "op": "in", "value": {"list": "closed"}},
                    {"fact": "currency", "op": "not_in", "value": ["EUR", "USD"]},
                    {
                        "all": [
                            {"fact": "account_count", "window": "24h", "op": "above", "value": 5},
                            {"fact": "first_to_account", "op": "is", "value": False},
                            {
                                "not": {
                                    "any": [
                                        {"fact": "rail", "op": "is", "value": "sepa_inst"},
                                        {
                                            "fact": "name_similarity",
                                            "lists": ["ofac", "un"],
                                            "op": "at_least",
                                            "value": 80,
                                        },
                                    ]
                                }
                            },
                        ]
                    },
                    {"fact": "recipient_name", "op": "in", "value": ["Doe, Jane", "X Y"]},
                ]
            },
        },
    ],
    "thresholds": {"review_score": 20, "block_score": 100, "review_minutes": 30},
    "four_eyes": {"default": "25000", "JPY": "4000000"},
}


def posted(form: PolicyForm) -> dict[str, str]:
    """Return what a browser sends of a form as the templates draw it."""
    sent = {
        "rules": str(len(form.rules)),
        "lists": str(len(form.lists)),
        **{
            name: getattr(form, name)
            for name in (
                "review_score",
                "block_score",
                "review_minutes",
                "four_eyes",
                "four_eyes_more",
            )
        },
    }
    for rule in form.rules:
        at = rule.path
        sent |= {
            f"{at}#code": rule.code,
            f"{at}#title": rule.title,
            f"{at}#class": rule.rule_class,
            f"{at}#weight": rule.weight,
        }
        if rule.blocks:
            sent[f"{at}#blocks"] = "on"
        sent |= _posted_part(rule.when)
    for each in form.lists:
        at = each.path
        sent |= {f"{at}#{name}": getattr(each, name) for name in ("name", "title", "of", "text")}
    return sent


def _posted_part(part: Condition | Group) -> dict[str, str]:
    at = part.path
    if isinstance(part, Group):
        sent = {f"{at}#mode": part.mode, f"{at}#parts": str(len(part.parts))}
        for each in part.parts:
            sent |= _posted_part(each)
        return sent
    names = ("fact", "op", "window", "lists", "text", "more", "chosen")
    return {f"{at}#was": part.fact, **{f"{at}#{name}": getattr(part, name) for name in names}}


def test_a_document_comes_back_from_the_form_as_it_was() -> None:
    compile_document(DOCUMENT)

    form = from_document(DOCUMENT)

    assert form.as_json() == DOCUMENT
    assert from_post(posted(form)).as_json() == DOCUMENT


_CONDITIONS = st.sampled_from(
    [
        {"fact": "amount", "op": "below", "value": "5"},
        {"fact": "currency", "op": "is", "value": "EUR"},
        {"fact": "has_twin", "window": "7d", "op": "is", "value": True},
        {"fact": "partner_age", "op": "at_most", "value": 30},
    ]
)


def _groups(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    groups = st.builds(
        lambda name, inner: {name: inner},
        st.sampled_from(["all", "any"]),
        st.lists(parts, min_size=1, max_size=3),
    )
    return groups | st.builds(lambda part: {"not": part}, parts)


@unhurried
@given(st.recursive(_CONDITIONS, _groups, max_leaves=8))
def test_any_tree_keeps_its_meaning_through_the_form(tree: dict[str, Any]) -> None:
    document = deepcopy(DOCUMENT)
    document["rules"][0]["when"] = tree

    once = from_post(posted(from_document(document))).as_json()

    assert _truth(once["rules"][0]["when"]) == _truth(tree)


def _truth(tree: dict[str, Any]) -> list[bool]:
    """Return a tree's value for each of 16 ways its four conditions can turn out."""
    facts = ("amount", "currency", "has_twin", "partner_age")

    def value(node: dict[str, Any], world: int) -> bool:
        if "all" in node:
            return all(value(each, world) for each in node["all"])
        if "any" in node:
            return any(value(each, world) for each in node["any"])
        if "not" in node:
            return not value(node["not"], world)
        return bool(world >> facts.index(node["fact"]) & 1)

    return [value(tree, world) for world in range(16)]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("10,000", "10000"),
        ("1,234,567.89", "1234567.89"),
        (" 5 ", "5"),
        ("12,5", "12,5"),
        ("1.000,00", "1.000,00"),
        ("", ""),
    ],
)
def test_an_amount_loses_only_commas_between_thousands(typed: str, kept: str) -> None:
    sent = posted(from_document(DOCUMENT))
    sent |= {"r0w.0#text": typed, "r0w.0#more": "jpy 1,600,000\n; KWD 5.125 "}

    value = from_post(sent).as_json()["rules"][0]["when"]["value"]

    assert value == {"default": kept, "JPY": "1600000", "KWD": "5.125"}


def test_what_makes_no_sense_is_kept_and_named_where_it_stands() -> None:
    sent = posted(from_document(DOCUMENT))
    sent |= {"r0#weight": "heavy", "r1w.2.0#window": "soon", "r1w.1#text": "EUR, XX"}

    form = from_post(sent)
    document = form.as_json()

    assert document["rules"][0]["weight"] == "heavy"
    places = dict(form.places())
    assert places["/rules/1/when/any/2/all/0"].path == "r1w.2.0"
    said = describe(document)
    assert [len(rule.problems) for rule in said.rules] == [1, 2]


def test_another_fact_brings_its_own_questions() -> None:
    sent = posted(from_document(DOCUMENT))
    sent |= {"r0w.0#fact": "destination_changed"}

    (part,) = from_post(sent).rules[0].when.parts

    assert part.as_json() == {
        "fact": "destination_changed",
        "window": "24h",
        "op": "is",
        "value": True,
    }


def test_buttons_add_move_and_remove() -> None:
    form = from_document(DOCUMENT)

    assert act(form, "add:r1w.2") == "r1w.2.3"
    assert act(form, "group:r1w") == "r1w.4"
    assert act(form, "drop:r1w.0") == "r1w"
    assert [part.path for part in form.rules[1].when.parts] == ["r1w.0", "r1w.1", "r1w.2", "r1w.3"]
    assert act(form, "up:r1") == "r0"
    assert [rule.code for rule in form.rules] == ["odd", "big"]
    assert act(form, "add-rule") == "r2"
    assert act(form, "drop-rule:r0") == ""
    assert [rule.path for rule in form.rules] == ["r0", "r1"]
    assert act(form, "drop-list:l0") == ""
    assert [each.name for each in form.lists] == ["friends"]
    before = deepcopy(form)
    for asked in ("", "explode:r0", "drop:r9w.0", "up:r9", "add:", "drop-rule:", "refresh:r0w.0"):
        assert act(form, asked) == ""
    assert form == before


def test_a_new_rule_takes_its_code_from_its_title() -> None:
    form = from_document(DOCUMENT)
    act(form, "add-rule")
    sent = posted(form) | {"r2#title": "Big!  Amounts", "r2#code": ""}
    codes = [rule.code for rule in from_post(sent).rules]
    assert codes == ["big", "odd", "big_amounts"]

    sent["r2#title"] = "Big"
    assert from_post(sent).rules[2].code == "big_2"
    sent["r2#title"] = "2 + 2 = 5"
    assert from_post(sent).rules[2].code == "rule_2_2_5"


@pytest.mark.parametrize(
    "broken",
    [
        {"rules": "x"},
        {"rules": [1]},
        {"rules": [{"when": 5}]},
        {"rules": [{"when": {"all": 5}}]},
        {"rules": [{"when": {"fact": ["amount"]}}]},
        {"rules": [], "lists": {"a": 1}},
        {"rules": [], "lists": []},
        {"rules": [], "thresholds": []},
        {"rules": [{"when": {"fact": "amount", "value": 1.5}}]},
    ],
)
def test_what_is_no_form_is_said_to_be_none(broken: dict[str, Any]) -> None:
    with pytest.raises(UnbuildableError):
        from_document(broken)
    describe({"format": 2, **broken})


@unhurried
@given(
    st.dictionaries(
        st.sampled_from(
            ["rules", "lists", "r0w#parts", "r0w#mode", "r0w.0#mode", "r0w.0#fact", "r0w.0#text"]
        ),
        st.text(max_size=12) | st.sampled_from(["1", "3", "99999", "amount", "all", "not_any"]),
    ),
    st.text(max_size=20),
)
def test_no_post_breaks_the_form(sent: dict[str, str], asked: str) -> None:
    form = from_post(sent)
    act(form, asked)
    describe(form.as_json())


@unhurried
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["all", "any", "not", "fact", "op", "value", "window"]), inner
            )
        ),
        max_leaves=10,
    )
)
def test_no_document_breaks_the_words(when: Any) -> None:
    document = deepcopy(DOCUMENT)
    document["rules"][0]["when"] = when

    described = describe(document)

    assert len(described.rules) == 2
    assert described.rules[1].problems == ()
    differences(DOCUMENT, document)


@pytest.mark.parametrize(
    "broken",
    [
        {"rules": 5},
        {"rules": [1]},
        {"rules": [{"rule": "amount_at_least", "code": "a", "weight": 1, "parameters": []}]},
        {"rules": [{"rule": []}]},
        {
            "rules": [
                {
                    "rule": "amount_at_least",
                    "code": "a",
                    "weight": 1,
                    "parameters": {"major": 1, "major_by_currency": {"XXX": 1}},
                }
            ]
        },
    ],
)
def test_no_document_of_the_first_format_breaks_the_words(broken: dict[str, Any]) -> None:
    said = describe(broken)

    assert said.rules == ()
    assert said.problems


def test_every_fact_can_be_chosen_and_asked() -> None:
    for name, spec in FACTS.items():
        form = from_document({**DOCUMENT, "lists": {}, "rules": []})
        act(form, "add-rule")
        sent = posted(form) | {"r0w.0#fact": name, "r0w.0#was": ""}
        (part,) = from_post(sent).rules[0].when.parts
        assert part.op in spec.operators
        assert part.operators
        assert part.kind in list(Kind)


def test_differences_name_what_the_words_cut_short() -> None:
    codes = ("AED", "BGN", "CHF", "CZK", "DKK", "HUF", "NOK", "SEK")
    many = {"default": "1000", **dict.fromkeys(codes, "1000")}
    before, after = deepcopy(DOCUMENT), deepcopy(DOCUMENT)
    before["rules"][0]["when"]["value"] = many
    after["rules"][0]["when"]["value"] = {**many, "SEK": "2000"}

    (change,) = differences(before, after)

    assert (change.sign, change.title) == ("~", "Big amounts")
    assert change.before[:2] == change.after[:2]
    assert change.before[2].endswith("1,000.00 NOK, 1,000.00 SEK")
    assert change.after[2].endswith("1,000.00 NOK, 2,000.00 SEK")


def test_differences_of_rules_settings_and_lists() -> None:
    after = deepcopy(DOCUMENT)
    after["rules"][0]["weight"] = 40
    del after["rules"][1]
    after["rules"].append({**DOCUMENT["rules"][0], "code": "new", "title": "New one"})
    after["thresholds"] = {"review_score": 25, "review_minutes": 30}
    after["lists"]["closed"]["values"] = ["KP"]

    found = {(change.sign, change.title): change for change in differences(DOCUMENT, after)}

    assert sorted(found) == [
        ("+", "New one"),
        ("-", "Blocked from score"),
        ("-", "Odd ones"),
        ("~", "Big amounts"),
        ("~", "Held from score"),
        ("~", "List “Closed countries”"),
    ]
    assert found["~", "Big amounts"].before[0] == "Big amounts (amount, weight 30)"
    assert found["~", "Big amounts"].after[0] == "Big amounts (amount, weight 40)"
    assert found["~", "List “Closed countries”"].after == ("KP",)
    assert differences(DOCUMENT, DOCUMENT) == []
