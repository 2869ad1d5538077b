"""The chain and the audit: what holds, and that each kind of break is found and named."""

import hashlib
import json
import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.utils import DatabaseError

from compliance.models import Case, Decision
from compliance.services import chain
from payouts.models import Payout
from tests.compliance.factories import open_case, staff
from tests.compliance.forging import faults, forge
from tests.compliance.test_decide import approve, reject

GENESIS = "d83d16c1f71b72c9"


@pytest.fixture
def three(settings: object) -> list[Decision]:
    """Three decisions, none drawn for a second look; the texts are what a careless separator would
    stumble over."""
    settings.ATLASPAY_BLIND_REVIEW_PERCENT = 0
    officer = staff("officer")
    return [
        approve(open_case(), officer, internal_text="Ünïcode, 5:colons, and\nlines"),
        reject(open_case(), officer, internal_text="-,-,", partner_text="Sorry: 3:abc,"),
        approve(open_case(), officer),
    ]


@pytest.mark.django_db
def test_the_chain_recomputed_in_python_equals_the_database(three: list[Decision]) -> None:
    rows = list(chain.links())

    assert [(row.position, row.decision_id, row.fault) for row in rows] == [
        (1, three[0].id, ""),
        (2, three[1].id, ""),
        (3, three[2].id, ""),
    ]
    stored = list(Decision.objects.order_by("position"))
    assert bytes(stored[0].prev_hash) == hashlib.sha256(b"atlaspay decision chain").digest()
    assert bytes(stored[0].prev_hash).hex()[:16] == GENESIS
    assert bytes(stored[1].prev_hash) == bytes(stored[0].hash)
    assert bytes(stored[2].prev_hash) == bytes(stored[1].hash)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE compliance_decision SET reason_code = 'other_approve'",
        "DELETE FROM compliance_decision",
        "TRUNCATE compliance_decision",
    ],
)
def test_receipts_cannot_be_changed(three: list[Decision], statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert Decision.objects.count() == 3
    assert not faults()


@pytest.mark.django_db
def test_a_writer_cannot_choose_its_place_or_hash(three: list[Decision]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(position), bool_and(hash <> '') FROM compliance_decision")
        assert cursor.fetchone() == (3, True)
    case = open_case()
    receipt = Decision(
        case=case,
        payout_id=case.payout_id,
        kind="approve",
        reason_code="name_differs",
        internal_text="by hand",
        actor="user:x",
        before={"state": "in_review"},
        after={"state": "queued"},
        evidence={},
        policy_id=1,
        position=99,
        hash=b"mine",
        prev_hash=b"mine",
        facts_hash=b"mine",
    )
    receipt.save(force_insert=True)
    receipt.refresh_from_db()

    assert receipt.position == 4
    assert bytes(receipt.facts_hash) == hashlib.sha256(b"{}").digest()
    assert [row.fault for row in chain.links()] == ["", "", "", ""]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE {} SET internal_text = 'x' WHERE position = 2", "the row is not what was hashed"),
        ("UPDATE {} SET actor = 'user:eve' WHERE position = 2", "the row is not what was hashed"),
        (
            "UPDATE {} SET evidence = '{{}}' WHERE position = 2",
            "the evidence is not what was hashed",
        ),
        (
            "UPDATE {} SET after = after || '{{\"version\": 9}}' WHERE position = 2",
            "the row is not what was hashed",
        ),
        (
            "UPDATE {} SET decided_at = decided_at + interval '1 microsecond' WHERE position = 2",
            "the row is not what was hashed",
        ),
    ],
)
def test_a_forged_row_is_named(three: list[Decision], change: str, fault: str) -> None:
    forge(change.format("compliance_decision"), "compliance_decision")

    assert faults()["chain"] == f"decision {three[1].id} (position 2): {fault}"


@pytest.mark.django_db
def test_a_deleted_row_is_a_gap(three: list[Decision]) -> None:
    forge("DELETE FROM compliance_decision WHERE position = 2", "compliance_decision")

    assert faults() == {
        "chain": (f"decision {three[2].id} (position 3): position 2 is missing: the next row is 3"),
        "counts": "3 flagged, 3 accounted for; 3 decided, 2 receipts",
        "cases": f"case {three[1].case_id} and its decision disagree: one of the two is missing",
    }


@pytest.mark.django_db
def test_a_cut_tail_is_found_by_the_cases(three: list[Decision]) -> None:
    forge("DELETE FROM compliance_decision WHERE position = 3", "compliance_decision")

    assert sorted(faults()) == ["cases", "counts"]


@pytest.mark.django_db
def test_a_sound_audit_counts_everything_flagged(three: list[Decision]) -> None:
    open_case()
    out = StringIO()

    call_command("verify_audit", "--json", stdout=out)

    said = json.loads(out.getvalue())
    assert said["ok"] is True
    assert [said[name] for name in ("flagged", "decided", "open", "withdrawn", "decisions")] == [
        *(4, 3, 1, 0),
        3,
    ]
    assert said["head"] == bytes(Decision.objects.get(position=3).hash).hex()
    assert set(said["checks"].values()) == {"ok"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("statement", "tables", "check", "words"),
    [
        (
            "DELETE FROM compliance_case WHERE state = 'open'",
            ["compliance_case"],
            "flagged",
            "flagged its payout but opened no case",
        ),
        (
            "UPDATE payouts_payout SET state = 'queued' WHERE state = 'in_review'",
            ["payouts_payout"],
            "cases",
            "is open but its payout no longer waits for a review",
        ),
        (
            "UPDATE payouts_payout SET state = 'settled', version = version + 1"
            " WHERE state = 'in_review'",
            ["payouts_payout"],
            "last",
            "is not as its last history row says",
        ),
        (
            "UPDATE payouts_historicalpayout SET actor = 'sql:postgres' WHERE state = 'in_review'",
            ["payouts_historicalpayout"],
            "moves",
            "screening -> in_review by 'sql:postgres' is no legal move",
        ),
        (
            "UPDATE payouts_historicalpayout SET state = 'settled' WHERE state = 'in_review'",
            ["payouts_historicalpayout"],
            "moves",
            "screening -> settled by",
        ),
        (
            "ALTER TABLE compliance_decision DISABLE TRIGGER append_only",
            [],
            "guards",
            "the trigger compliance_decision.append_only is missing or switched off",
        ),
    ],
)
def test_each_break_is_found(statement: str, tables: list[str], check: str, words: str) -> None:
    open_case()
    assert not faults()

    forge(statement, *tables)

    assert words in faults()[check]


@pytest.mark.django_db
def test_a_decision_that_moved_nothing_is_found(three: list[Decision]) -> None:
    forge("DELETE FROM payouts_historicalpayout WHERE state = 'failed'", "payouts_historicalpayout")

    assert faults()["receipts"] == f"decision {three[1].id} has no row in its payout's history"


@pytest.mark.django_db
def test_the_command_fails_at_a_break(capsys: pytest.CaptureFixture) -> None:
    case = open_case()
    forge("UPDATE payouts_payout SET stage = 'ready'", "payouts_payout")
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", stdout=out)

    assert ended.value.code == 1
    assert f"payout {case.payout_id} is not as its last history row says" in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_chain() -> None:
    cases = [open_case() for _ in range(8)]
    officer = staff("officer")
    gate = threading.Barrier(len(cases))

    def act(case: Case) -> None:
        gate.wait()
        try:
            approve(case, officer)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(case,)) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    rows = list(chain.links())
    assert [row.position for row in rows] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {row.fault for row in rows} == {""}
    assert Payout.objects.filter(state="queued").count() == 8
