"""Audit pages: the proof, asking for a verification, what it found, heads and exports."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from atlaspay.core.models import AccessEvent
from compliance.models import AuditHead, Case, Decision, Verification
from compliance.selectors.proof import proof
from compliance.services.audit import background, heads
from compliance.services.export import verify_export
from tests.compliance.factories import flagged_payout, open_case, staff
from tests.compliance.forging import forge
from tests.compliance.test_decide import approve, everything, reject
from tests.console.test_pages import page, signed_in
from tests.payouts.factories import funded_partner, make_payouts

pytestmark = pytest.mark.django_db
AUDIT = "admin:compliance_verification_changelist"
POSTED = ("admin:compliance_audit_ask", "admin:compliance_audit_heads")


@pytest.fixture
def anna() -> User:
    return staff("officer", "anna")


@pytest.fixture
def vera() -> Client:
    return signed_in(staff("auditor", "vera"))


def kinds() -> list[tuple[str, str, str]]:
    return list(AccessEvent.objects.order_by("id").values_list("kind", "object_type", "object_id"))


def work_off() -> None:
    while background.run_slice():
        pass


def test_the_proof_counts_what_was_flagged_and_what_became_of_it(anna: User) -> None:
    approve(open_case(), anna)
    reject(open_case(), anna)
    open_case()
    make_payouts(funded_partner(), [1_000])

    found = proof()

    assert (found.flagged, found.decided, found.open, found.second, found.withdrawn) == (
        *(3, 2, 1, 0, 0),
    )
    assert (found.receipts, found.automatic, found.accounted, found.percent) == (2, 0, 3, "100")
    assert found.is_whole
    assert found.verified is None


@pytest.mark.parametrize(
    ("statement", "table", "words"),
    [
        ("DELETE FROM compliance_case WHERE state = 'open'", "compliance_case", "has no open case"),
        (
            "UPDATE payouts_payout SET state = 'queued' WHERE state = 'in_review'",
            "payouts_payout",
            "is open, and its payout no longer waits",
        ),
        ("DELETE FROM compliance_decision", "compliance_decision", "is decided and has no receipt"),
    ],
)
def test_an_orphan_is_listed_and_the_proof_is_not_whole(
    anna: User, vera: Client, statement: str, table: str, words: str
) -> None:
    approve(open_case(), anna)
    open_case()

    forge(statement, table)

    found = proof()
    assert not found.is_whole
    assert found.percent != "100"
    assert words in str(found.orphans)
    text = vera.get(reverse(AUDIT)).content.decode()
    assert words in text
    assert found.orphans[0][0] in text


def test_an_auditor_asks_waits_and_reads_what_holds(anna: User, vera: Client) -> None:
    approve(open_case(), anna)

    answer = vera.post(reverse("admin:compliance_audit_ask"))
    made = Verification.objects.get()
    waiting = vera.get(answer.url)
    work_off()
    done = vera.get(answer.url)

    assert answer.url == page(made)
    assert waiting.headers["Refresh"] == "3"
    assert "Under way" in waiting.content.decode()
    assert "Refresh" not in done.headers
    text = done.content.decode()
    assert "all holds" in text
    assert "Every receipt has the hash of its columns" in text
    made.refresh_from_db()
    assert (made.state, made.is_sound, made.actor, made.position) == ("done", True, "user:vera", 1)
    # A page that only shows progress is no evidence, so only the finished one was viewed.
    assert kinds() == [
        ("verified", "compliance.verification", str(made.pk)),
        ("viewed", "compliance.verification", str(made.pk)),
    ]


def test_the_first_broken_row_is_shown_and_linked(anna: User, vera: Client) -> None:
    first, second = approve(open_case(), anna), approve(open_case(), anna)
    forge(
        "UPDATE compliance_decision SET internal_text = 'x' WHERE position = 1",
        "compliance_decision",
    )
    vera.post(reverse("admin:compliance_audit_ask"))
    work_off()

    made = Verification.objects.get()
    text = vera.get(page(made)).content.decode()

    assert made.is_sound is False
    assert f"decision {first.id} (position 1): the row is not what was hashed" in text
    assert page(first) in text
    assert page(second) not in text
    home = signed_in(staff("lead", "lena")).get(reverse("admin:index")).content.decode()
    assert ">broken<" in home


def test_asking_twice_is_one_verification(vera: Client) -> None:
    first = vera.post(reverse("admin:compliance_audit_ask")).url
    again = vera.post(reverse("admin:compliance_audit_ask"), {"replays": "all"}).url

    assert first == again
    assert Verification.objects.count() == 1


def test_a_whole_file_is_exported_logged_and_verifies(anna: User, vera: Client) -> None:
    receipt = approve(open_case(), anna)
    url = reverse("admin:compliance_payout_export", args=[receipt.payout_id])

    answer = vera.post(url)

    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="{receipt.payout_id}.json"'
    )
    assert "no-store" in answer.headers["Cache-Control"]
    file = json.loads(answer.content)
    assert list(verify_export.verify(file)) == []
    assert file["made_by"] == "user:vera"
    assert [(one["kind"], one["username"]) for one in file["sections"]["access"]] == [
        ("exported", "vera")
    ]
    assert kinds() == [("exported", "payouts.payout", receipt.payout_id)]
    assert url in vera.get(page(receipt)).content.decode()
    assert url in vera.get(page(receipt.payout)).content.decode()
    assert url not in signed_in(anna).get(page(receipt.payout)).content.decode()


def test_an_unknown_payout_is_not_exported_and_not_logged_as_if(vera: Client) -> None:
    assert vera.post(reverse("admin:compliance_payout_export", args=["po_x"])).status_code == 404
    assert kinds() == []


def test_heads_and_script_are_handed_out(anna: User, vera: Client) -> None:
    approve(open_case(), anna)
    heads.anchor()

    answer = vera.post(reverse("admin:compliance_audit_heads"))
    (line,) = heads.read_lines(answer.content.decode())
    script = vera.get(reverse("admin:compliance_audit_script")).content.decode()
    shown = vera.get(page(AuditHead.objects.get())).content.decode()

    assert line["position"] == 1
    assert line["hash"] in shown
    assert script.startswith("#!/usr/bin/env python3")


def test_who_may_not_verify_is_refused_and_nothing_changes(anna: User) -> None:
    receipt = approve(open_case(), anna)
    case = open_case()
    before = everything(case)
    for role in ("officer", "rule_author", "operator"):
        client = signed_in(staff(role, f"{role}-x"))
        for name in POSTED:
            assert client.post(reverse(name)).status_code == 403, (role, name)
        export = reverse("admin:compliance_payout_export", args=[receipt.payout_id])
        assert client.post(export).status_code == 403
        assert client.get(reverse("admin:compliance_audit_script")).status_code == 403
        assert client.get(reverse(AUDIT)).status_code == 403
    assert Client().post(reverse(POSTED[0])).status_code == 302
    assert everything(case) == before
    assert Verification.objects.count() == 0
    assert set(AccessEvent.objects.values_list("kind", flat=True)) == {"refused"}


def test_what_changes_something_is_never_a_get(vera: Client) -> None:
    receipt_url = reverse("admin:compliance_payout_export", args=["po_x"])
    for url in (*map(reverse, POSTED), receipt_url):
        assert vera.get(url).status_code == 405, url
    csrf = Client(enforce_csrf_checks=True)
    csrf.force_login(staff("auditor", "carl"))
    assert csrf.post(reverse(POSTED[0])).status_code == 403
    assert Verification.objects.count() == 0


def test_views_of_audit_pages_are_logged(anna: User, vera: Client) -> None:
    receipt = approve(open_case(), anna)

    vera.get(reverse(AUDIT))
    vera.get(page(receipt))
    vera.get(page(Verification(pk=10**12)))

    assert kinds() == [
        ("viewed", "compliance.verification", ""),
        ("viewed", "compliance.decision", receipt.id),
    ]


def test_an_officer_sees_the_proof_at_home(anna: User) -> None:
    open_case()

    text = signed_in(anna).get(reverse("admin:index")).content.decode()

    assert "of what was flagged is accounted for" in text
    assert "never verified" in text


def test_the_audit_page_takes_as_many_queries_whatever_there_is(anna: User, vera: Client) -> None:
    approve(open_case(), anna)
    heads.anchor(every=timedelta(0))
    vera.get(reverse(AUDIT))
    with CaptureQueriesContext(connection) as few:
        vera.get(reverse(AUDIT))
    for _ in range(3):
        flagged_payout()
        Verification.objects.create(actor="user:x", state="done", is_sound=True)
    with CaptureQueriesContext(connection) as many:
        vera.get(reverse(AUDIT))

    assert len(many) == len(few) <= 14
    assert Case.objects.count() == 4
    assert Decision.objects.count() == 1
