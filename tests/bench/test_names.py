"""What the names' bench is worth: its split, its figures, and a floor under them."""

import dataclasses

import pytest

from bench import name_data, name_fit, name_made, names
from compliance.rules.names import Listed, NameMatcher, compare
from compliance.rules.names.parse import parse

needs_data = pytest.mark.skipif(
    not name_data.is_there(),
    reason="NOT MEASURED: the labelled pairs and lists are not on this machine",
)


def test_figures_by_hand() -> None:
    # Above 80: two right, one wrong; one match is missed.
    scored = [(90, True), (80, True), (85, False), (79, True), (10, False)]

    assert names.figures(scored, 80) == {"precision": 0.667, "recall": 0.667, "f1": 0.667}
    assert names.figures([], 80) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


@needs_data
def test_no_name_is_on_both_sides_of_the_split() -> None:
    halves: list[set[str]] = [set(), set()]
    for pair in name_data.pairs():
        halves[pair.falls(2)] |= {pair.a.casefold(), pair.b.casefold()}

    assert not halves[0] & halves[1]
    assert [sum(pair.falls(2) == half for pair in name_data.pairs()) for half in (0, 1)] == [
        243,
        170,
    ]


@needs_data
def test_the_held_out_pairs_stay_above_the_best_known() -> None:
    found = names.judge_pairs(name_data.pairs(), None)

    assert found["held_out"]["f1"] >= 0.83
    assert found["tuning"]["f1"] >= 0.9


@needs_data
def test_made_pairs_are_judged_as_they_were_made() -> None:
    listed = name_data.listed(8_000)
    made = name_made.made_pairs(listed, each=60)
    right: dict[str, list[bool]] = {}
    for one in made:
        is_hit = compare(one.a, one.b, one.kind).similarity >= names.HIT
        right.setdefault(one.group, []).append(is_hit == one.is_match)

    assert made == name_made.made_pairs(listed, each=60)
    assert {group for group, found in right.items() if sum(found) / len(found) < 0.95} == {"alias"}
    assert sum(right["alias"]) / len(right["alias"]) >= 0.7


def test_a_fit_moves_a_cost_to_where_pairs_fall_on_their_side() -> None:
    given = [
        name_fit.Judged("tuning", "person", parse(a), parse(b), is_match, 0)
        for a, b, is_match in (
            ("Viktor Drazhenko", "Viktor Orlanov", False),
            ("Viktor Petrovich Drazhenko", "Victor Drazenko", True),
        )
    ]
    mild = dataclasses.replace(name_fit.BEGIN, conflict=0.0, lone_share=1.0)

    fitted = name_fit.fit(given, mild)

    assert [value >= names.HIT for value, _ in name_fit.scored(given, mild)] == [True, True]
    assert [value >= names.HIT for value, _ in name_fit.scored(given, fitted)] == [False, True]


@needs_data
@pytest.mark.slow
def test_names_in_their_own_script_are_found() -> None:
    held_out = names.judge_scripts(name_data.parties())["held_out"]

    assert held_out["recall_at_1_percent"] >= 0.9
    assert held_out["false_at_threshold"] <= 0.005


@needs_data
def test_the_index_loses_little_of_what_comparing_with_each_name_finds() -> None:
    found = names.blocking_recall(name_data.listed(3_000), sample=600)

    assert found["found_by_scan"] > 100
    assert found["recall"] >= 0.95


def test_speed_counts_what_hits() -> None:
    matcher = NameMatcher([Listed("x", 1, "Viktor Drazhenko")])

    seconds, hits = names.timed(matcher.hits, ["Viktor Drazhenko", "Anna Jansen"])

    assert (len(seconds), hits) == (2, 1)
