"""The page on policies says what the compiler knows."""

import json
import re

from compliance.management.commands import backtest_rules
from compliance.rules.catalogue import FACTS, OPERATORS
from compliance.rules.policy import compile_document
from compliance.services import backtest, backtest_run, policies, snooze
from compliance.services.backtest_past import _DECISIONS_MAX
from tests.docs.pages import fenced, read

PAGE = read("docs/policies.md")


def test_the_example_compiles():
    (example,) = fenced(PAGE, "json")
    policy = compile_document(json.loads(example))
    assert [rule.code for rule in policy.rules] == ["big_and_new", "closed_country"]


def test_the_table_has_every_fact_and_no_other():
    rows = re.findall(r"(?m)^\| `(\w+)` \| ([^|]+) \| (\w+) \| (?:`(\w+)` )?\|$", PAGE)
    assert rows == [
        (
            spec.name,
            spec.title,
            str(spec.kind),
            "window" if spec.has_window else "lists" if spec.has_lists else "",
        )
        for spec in FACTS.values()
    ]


def test_every_operator_is_named():
    assert {op for ops in OPERATORS.values() for op in ops} <= set(re.findall(r"`(\w+)`", PAGE))


def test_exit_codes_and_bounds_are_the_codes():
    exits = {int(code) for code in re.findall(r"(?m)^\| (\d) \|", PAGE)}
    assert exits == {
        0,
        backtest_rules.MISSED,
        backtest_rules.UNUSABLE,
        backtest_rules.UNFINISHED,
    }
    assert (policies.SHADOWS_MAX, backtest_run.INTERRUPTIONS_MAX, snooze.LONGEST.days) == (3, 5, 90)
    assert (backtest_run.BATCH, backtest_run.SLICE_S, backtest_run.LEASE_S) == (1_000, 1.0, 60)
    assert (_DECISIONS_MAX, backtest.LONGEST.days) == (5_000, 366)
