"""The page of automatic approval: who may write, arm and disarm, and what it shows."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from compliance.models import AutoPolicy, AutoStep
from compliance.services.auto import approve_eligible
from tests.compliance.factories import open_case, staff
from tests.compliance.test_auto import armed, eligible, record
from tests.compliance.test_decide import reject
from tests.console.test_pages import queries, signed_in

pytestmark = pytest.mark.django_db
PAGE = "admin:compliance_autopolicy_changelist"
FORM = {
    "codes": ["amount_over_limit", "duplicate"],
    "each_EUR": "500.00",
    "day_EUR": "20000",
    "day_count": "100",
    "days": "90",
    "decided": "50",
    "approved_percent": "95",
    "holdout_percent": "10",
    "excluded": "pt_one pt_two",
    "note": "small ones",
}


@pytest.fixture(autouse=True)
def _good_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compliance.rules.auto.AutoRules.is_good", lambda _, a, n: a == n >= 2)


def text(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def change_page(policy: AutoPolicy) -> str:
    return reverse("admin:compliance_autopolicy_change", args=[policy.number])


def test_the_form_makes_a_version_that_another_person_arms() -> None:
    arne, petra = signed_in(staff("rule_author", "arne")), signed_in(staff("rule_publisher", "p"))

    answer = arne.post(reverse("admin:compliance_autopolicy_write"), FORM)

    policy = AutoPolicy.objects.get()
    assert (answer.status_code, answer.url) == (302, change_page(policy))
    assert policy.document == {
        "codes": ["amount_over_limit", "duplicate"],
        "max_amount": {"EUR": "500.00"},
        "day_amount": {"EUR": "20000"},
        "day_count": 100,
        "record": {"days": 90, "decided": 50, "approved_percent": 95},
        "holdout_percent": 10,
        "excluded_partners": ["pt_one", "pt_two"],
    }
    words = "You wrote some of this version, so somebody else has to arm it."
    assert words in text(arne, change_page(policy))
    page = text(petra, change_page(policy))
    assert "500.00 EUR each, 20,000.00 EUR a day" in page
    arm = reverse("admin:compliance_autopolicy_arm", args=[policy.number])
    assert arne.post(arm, {"note": "mine"}).status_code == 403
    assert petra.post(arm, {"note": " "}).status_code == 302
    assert AutoStep.objects.count() == 0
    petra.post(arm, {"note": "agreed"})
    assert AutoStep.objects.get().kind == "armed"
    assert petra.post(arm, {"note": "again"}).status_code == 302
    assert (
        petra.post(
            reverse("admin:compliance_autopolicy_arm", args=[9]), {"note": "x9x"}
        ).status_code
        == 404
    )
    petra.post(reverse("admin:compliance_autopolicy_disarm"), {"note": "odd pattern"})
    assert [step.kind for step in AutoStep.objects.all()] == ["disarmed", "armed"]


def test_a_form_with_faults_comes_back_as_it_was() -> None:
    arne = signed_in(staff("rule_author", "arne"))
    typed = {**FORM, "codes": ["watchlist"], "each_EUR": "<much>", "holdout_percent": "4"}

    answer = arne.post(reverse("admin:compliance_autopolicy_write"), typed)

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "&lt;much&gt;" in page
    assert "<much>" not in page
    assert "A whole number from 5 to 100." in page
    assert 'value="small ones"' in page
    assert AutoPolicy.objects.count() == 0


def test_the_page_shows_caps_record_hold_outs_and_the_stop() -> None:
    anna = staff("officer", "anna")
    record(anna)
    armed()
    eligible()
    approve_eligible()
    reader = signed_in(staff("auditor", "vera"))

    page = text(reader, reverse(PAGE))
    assert "1 is armed" in page
    assert "1 of 3" in page
    assert "10,000.00 EUR of 30,000.00 EUR" in page
    assert "Good enough" in page
    assert "Write a version" not in page
    assert "Disarm" not in page.replace("Disarmed", "").replace("disarmed", "")

    reject(eligible(), anna, reason_code="suspected_fraud")
    assert "1 stopped itself" in text(reader, reverse(PAGE))


@pytest.mark.parametrize("role", ["officer", "auditor", "operator"])
def test_a_post_without_the_permission_is_refused(role: str) -> None:
    policy = armed()
    client = signed_in(staff(role))

    for url in (
        reverse("admin:compliance_autopolicy_write"),
        reverse("admin:compliance_autopolicy_arm", args=[policy.number]),
        reverse("admin:compliance_autopolicy_disarm"),
    ):
        assert client.post(url, {**FORM, "note": "mine"}).status_code == 403, url
        assert client.get(url).status_code == 405, url
    assert (AutoPolicy.objects.count(), AutoStep.objects.count()) == (1, 1)


def test_a_lead_may_disarm_and_a_longer_life_costs_no_more_queries() -> None:
    armed()
    lena = signed_in(staff("lead", "lena"))
    lena.get(reverse(PAGE))
    few = queries(lena, reverse(PAGE))
    for _ in range(3):
        armed()
        open_case()

    assert queries(lena, reverse(PAGE)) == few
    assert few <= 16
    lena.post(reverse("admin:compliance_autopolicy_disarm"), {"note": "odd pattern"})
    assert AutoStep.objects.first().kind == "disarmed"
    assert User.objects.get(username="lena").has_perm("compliance.override_decision")
