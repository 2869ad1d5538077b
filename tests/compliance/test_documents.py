"""What is asked of a policy that is written today, and what older ones are let live with."""

from typing import Any

import pytest

from atlaspay.core.errors import InvalidRequestError
from compliance.models import Case, Policy
from compliance.rules.names import FLOOR
from compliance.rules.policy import CompiledPolicy
from compliance.services import documents, drafts, four_eyes
from compliance.services.docket import Docket, load
from tests.compliance.factories import open_case, publish, staff
from tests.compliance.test_policies import draft_of
from tests.compliance.test_policies import publish as publish_by

VALUE = "/rules/0/when/value"


def of_rule(rule_class: str, fact: str, op: str, value: object, **more: object) -> dict[str, Any]:
    """Return a document of one rule with one condition."""
    rule = {
        "code": "only",
        "title": "The only rule",
        "class": rule_class,
        "weight": 40,
        "when": {"fact": fact, "op": op, "value": value},
    }
    thresholds = {"review_score": 20, "review_minutes": 30}
    return {"format": 2, "rules": [rule], "thresholds": thresholds, **more}


def alike(op: str, value: int) -> dict[str, Any]:
    """Return a document of one rule about likeness."""
    return of_rule("sanctions", "name_similarity", op, value)


def large(**more: object) -> dict[str, Any]:
    """Return a document of one rule about the amount."""
    return of_rule("amount", "amount", "at_least", "1000", **more)


@pytest.mark.parametrize(
    ("op", "value", "least"),
    [
        ("at_least", 74, 75),
        ("at_least", 0, 75),
        ("above", 73, 74),
        ("above", 0, 74),
        ("at_most", 73, 74),
        ("at_most", 1, 74),
        ("below", 74, 75),
        ("below", 2, 75),
        ("is", 74, 75),
        ("is_not", 1, 75),
    ],
)
def test_a_likeness_that_is_never_reported_is_refused_at_its_field(
    op: str, value: int, least: int
) -> None:
    document = alike(op, value)

    found = documents.problems(document)

    assert FLOOR == 75
    assert [(each["pointer"], each["detail"]) for each in found] == [
        (VALUE, f"Write {least} or more: what is less than 75 % alike is never reported.")
    ]
    # A policy of before goes on as it is: one that does not compile would hold everything.
    assert documents.compiled(document).rules[0].words


@pytest.mark.parametrize(
    ("op", "value"),
    [
        *(("at_least", 75), ("above", 74), ("at_most", 74), ("below", 75), ("is", 100)),
        *(("at_most", 0), ("below", 1), ("is", 0), ("is_not", 0)),
    ],
)
def test_a_likeness_that_means_what_it_says_is_taken(op: str, value: int) -> None:
    assert documents.problems(alike(op, value)) == []


@pytest.mark.django_db
def test_a_draft_below_the_floor_is_kept_and_not_frozen() -> None:
    ines = staff("rule_author", "ines")
    draft, count = draft_of(ines, alike("at_least", 60)), Policy.objects.count()

    with pytest.raises(InvalidRequestError) as refusal:
        drafts.freeze_draft(draft.pk, ines, expected_version=draft.version)

    assert [error["pointer"] for error in refusal.value.errors] == [VALUE]
    assert Policy.objects.count() == count


@pytest.mark.django_db
def test_an_older_policy_below_the_floor_can_be_live_again() -> None:
    number = Policy.objects.order_by("-number")[0].number + 1
    policy = Policy.objects.create(
        number=number, title="Old", document=alike("at_least", 60), author="system:migration"
    )

    assert publish_by(policy, staff("rule_publisher", "paul")).policy_id == number


def docket(case: Case) -> Docket:
    return load([case.pk], [case.payout], lock=False)[case.pk]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("limit", "minor"),
    [("9000", 900_000), ({"default": "9000"}, 900_000), ({"default": "1", "EUR": "12.34"}, 1_234)],
)
def test_the_limit_for_two_officers_is_read_as_the_policy_compiles_it(
    limit: object, minor: int
) -> None:
    """As text as well, as every other amount of a document."""
    document = large(four_eyes=limit)
    publish(document)
    case = open_case(9_000_000)

    assert CompiledPolicy(9, document).four_eyes_minor("EUR") == minor
    assert four_eyes.limit_minor(docket(case)) == minor


@pytest.mark.parametrize("limit", [9000, None, [], {"EUR": "1"}, {"default": "1.5"}, "1.5"])
def test_a_limit_that_is_no_amount_is_refused(limit: object) -> None:
    found = documents.problems(large(four_eyes=limit))

    assert {each["pointer"].split("/")[1] for each in found} == {"four_eyes"}
