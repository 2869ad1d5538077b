"""The receipts' chain and the heads: a change of any column of any row, as superuser, is found, and
the first broken row named.
"""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from compliance.models import AuditHead, Decision, Policy
from compliance.services import chain
from compliance.services.audit import heads
from compliance.services.decide import decide
from compliance.services.second import confirm
from tests.compliance.factories import listed_case, open_case, publish, staff
from tests.compliance.forging import faults, forge, forge_freely
from tests.compliance.policy_documents import small
from tests.compliance.test_decide import approve, reject

pytestmark = pytest.mark.django_db
NOW = timedelta(0)
# What a column of each type is changed to; every one differs from what the fixture made.
OTHER = {
    "bigint": "{} + 1000",
    "integer": "{} + 1000",
    "smallint": "{} + 1",
    "character varying": "left({0}, -1) || CASE right({0}, 1) WHEN 'z' THEN 'y' ELSE 'z' END",
    "text": "{} || 'x'",
    "jsonb": "{} || '{{\"forged\": 1}}'",
    "bytea": "sha256({})",
    "timestamp with time zone": "{} + interval '1 microsecond'",
    "ARRAY": "{} || '{{forged}}'::varchar[]",
    "boolean": "NOT {}",
}
EMPTY = {"user_id": "1000000", "about_id": "'dc_x'", "opened_at": "now()", "policy_id": "1000"}


def columns(table: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_name = %s AND table_schema = current_schema() ORDER BY 1",
            [table],
        )
        return cursor.fetchall()


@pytest.fixture
def four() -> list[Decision]:
    """Four receipts of every stage, with texts that a careless separator would stumble over."""
    anna, lena = staff("officer", "anna"), staff("lead", "lena")
    first = approve(open_case(), anna, internal_text="Ünïcode, 5:colons, and\nlines")
    case = listed_case()
    proposal = decide(
        case.id, kind="approve", reason_code="name_differs", internal_text="-,-,", user=anna
    )
    answer = confirm(case.id, proposal_id=proposal.id, internal_text="Seen it.", user=lena)
    return [first, proposal, answer, reject(open_case(), anna, partner_text="Sorry: 3:abc,")]


def test_any_column_of_any_receipt_changed_as_superuser_is_found_and_its_row_named(
    four: list[Decision],
) -> None:
    names = columns("compliance_decision")
    assert len(names) == len(Decision._meta.concrete_fields) == 25
    for row in four:
        for name, kind in names:
            other = f"coalesce({OTHER[kind].format(name)}, {EMPTY.get(name, 'NULL')})"
            with transaction.atomic():
                forge_freely(
                    f"UPDATE compliance_decision SET {name} = {other} WHERE id = %s",
                    "compliance_decision",
                    [row.id],
                )
                links = list(chain.links())
                transaction.set_rollback(True)
            broken = next((link for link in links if link.fault), None)
            assert broken is not None, name
            # A row whose id is forged is named by the id it has now, at its position.
            assert broken.position >= row.position, name
            if name == "position":
                assert broken.fault.startswith(f"position {row.position} is missing"), name
            else:
                assert broken.position == row.position, name
    assert {link.fault for link in chain.links()} == {""}


def test_a_receipt_put_between_or_two_exchanged_are_found(four: list[Decision]) -> None:
    with transaction.atomic():
        forge_freely(
            "UPDATE compliance_decision SET position = CASE position WHEN 1 THEN -2 ELSE -1 END"
            " WHERE position < 3; UPDATE compliance_decision SET position = -position"
            " WHERE position < 0",
            "compliance_decision",
        )
        assert faults()["chain"].startswith(f"decision {four[1].id} (position 1): ")
        transaction.set_rollback(True)
    forge_freely(
        "UPDATE compliance_decision SET position = position + 1 WHERE position = 4;"
        " CREATE TEMP TABLE copied AS SELECT * FROM compliance_decision WHERE position = 3;"
        " UPDATE copied SET id = 'dc_copy', position = 4, about_id = NULL, case_id = 'cs_x';"
        " INSERT INTO compliance_decision SELECT * FROM copied",
        "compliance_decision",
    )
    assert faults()["chain"] == ("decision dc_copy (position 4): does not follow the row before it")


def test_a_chain_written_anew_is_found_by_the_head_anchored_before(four: list[Decision]) -> None:
    heads.anchor(every=NOW)
    forge(
        "UPDATE compliance_decision SET internal_text = 'Forged, and hashed again.'"
        " WHERE position = 1",
        "compliance_decision",
    )
    with connection.cursor() as cursor:  # everything behind it is hashed again as well
        cursor.execute("ALTER TABLE compliance_decision DISABLE TRIGGER USER")
        previous = chain.GENESIS
        for row in Decision.objects.order_by("position"):
            hashed = _hash_of(row, previous)
            cursor.execute(
                "UPDATE compliance_decision SET prev_hash = %s, hash = %s WHERE id = %s",
                [previous, hashed, row.id],
            )
            previous = hashed
        cursor.execute("ALTER TABLE compliance_decision ENABLE TRIGGER USER")

    found = faults()

    assert found == {"heads": "receipt 4 is not the one that head 1 anchored"}


def _hash_of(row: Decision, previous: bytes) -> bytes:
    """Hash a row as it is, as somebody does who knows the code."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT sha256(convert_to(
            compliance_netstring('{previous.hex()}') || compliance_netstring(position::text)
            || compliance_netstring(id) || compliance_netstring(case_id)
            || compliance_netstring(payout_id) || compliance_netstring(kind)
            || compliance_netstring(reason_code) || compliance_netstring(internal_text)
            || compliance_netstring(partner_text) || compliance_netstring(actor)
            || compliance_netstring(user_id::text) || compliance_netstring(before::text)
            || compliance_netstring(after::text) || compliance_netstring(encode(facts_hash, 'hex'))
            || compliance_netstring(policy_id::text) || compliance_netstring(request_id)
            || compliance_netstring(((extract(epoch FROM decided_at) * 1000000)::bigint)::text)
            || compliance_netstring(stage) || compliance_netstring(about_id)
            || compliance_netstring(array_to_string(four_eyes, ','))
            || compliance_netstring(bulk_id)
            || compliance_netstring(((extract(epoch FROM opened_at) * 1000000)::bigint)::text),
            'UTF8')) FROM compliance_decision WHERE id = %s""",
            [row.id],
        )
        return bytes(cursor.fetchone()[0])


def test_a_decision_erased_with_every_trace_is_found_by_the_head_alone(
    four: list[Decision], tmp_path: Path
) -> None:
    kept = tmp_path / "heads.jsonl"
    call_command("anchor_audit", out=str(kept), stdout=StringIO())
    gone = four[3]
    for table, column, value in [
        ("compliance_blindreview", "decision_id", gone.id),
        ("compliance_decision", "id", gone.id),
        ("compliance_historicalcase", "id", gone.case_id),
        ("compliance_case", "id", gone.case_id),
        ("compliance_screeningrun", "payout_id", gone.payout_id),
        ("payouts_historicalpayout", "id", gone.payout_id),
        ("payouts_payout", "id", gone.payout_id),
    ]:
        forge(f"DELETE FROM {table} WHERE {column} = %s", table, values=[value])

    assert faults() == {"heads": "receipt 4 was there at head 1 and is gone: the chain was cut"}

    forge("DELETE FROM compliance_audithead", "compliance_audithead")
    assert faults() == {}  # whoever erases the heads too is found only by those kept elsewhere
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--no-record", heads=str(kept), stdout=out)
    assert "head 1 was kept elsewhere, and here it is gone" in out.getvalue()


def test_heads_are_written_when_something_is_new_and_an_hour_passed(four: list[Decision]) -> None:
    first = heads.anchor(every=NOW)
    assert (first.number, first.position) == (1, 4)
    assert bytes(first.decision_hash) == bytes(Decision.objects.get(position=4).hash)
    assert sorted(first.marks) == ["policy", "policy_step"]
    assert heads.anchor(every=NOW) is None  # nothing new

    approve(open_case(), staff("officer", "carl"))
    assert heads.anchor() is None  # no hour passed
    second = heads.anchor(every=NOW)
    assert (second.number, second.position, second.marks) == (2, 5, {})

    publish(small())
    third = heads.anchor(every=NOW)
    assert (third.position, sorted(third.marks)) == (5, ["policy", "policy_step"])
    assert len(third.marks["policy"]) == 1
    assert faults() == {}


def test_a_writer_of_heads_chooses_nothing_but_marks(four: list[Decision]) -> None:
    heads.anchor(every=NOW)
    AuditHead(number=99, position=1, hash=b"mine", prev_hash=b"mine", decision_hash=b"x").save(
        force_insert=True
    )

    assert list(AuditHead.objects.order_by("number").values_list("number", "position")) == [
        (1, 4),
        (2, 4),
    ]
    assert faults() == {}


def test_any_column_of_a_head_changed_is_found(four: list[Decision]) -> None:
    heads.anchor(every=NOW)
    approve(open_case(), staff("officer", "carl"))
    heads.anchor(every=NOW)
    for name, kind in columns("compliance_audithead"):
        with transaction.atomic():
            forge_freely(
                f"UPDATE compliance_audithead SET {name} = {OTHER[kind].format(name)}"
                " WHERE number = 1",
                "compliance_audithead",
            )
            found = faults()
            transaction.set_rollback(True)
        assert "head 1" in found["heads"], name
    forge("DELETE FROM compliance_audithead WHERE number = 1", "compliance_audithead")
    assert faults()["heads"] == "head 1 is missing: the next is 2"


@pytest.mark.parametrize(
    ("statement", "table", "words"),
    [
        (
            "UPDATE compliance_policy SET document = document || '{\"forged\": 1}'"
            " WHERE number = 1",
            "compliance_policy",
            "policy 1 is not what head 1 anchored",
        ),
        (
            "UPDATE compliance_policystep SET actor = 'user:eve' WHERE policy_id = 1",
            "compliance_policystep",
            "is not what head 1 anchored",
        ),
        (
            "DELETE FROM compliance_policystep WHERE policy_id = 1",
            "compliance_policystep",
            "was there at head 1 and is gone",
        ),
    ],
)
def test_a_policy_changed_after_it_was_anchored_is_found(
    statement: str, table: str, words: str
) -> None:
    heads.anchor(every=NOW)

    forge(statement, table)

    assert words in faults()["heads"]
    assert Policy.objects.filter(number=1).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE compliance_audithead SET position = 0",
        "DELETE FROM compliance_audithead",
        "TRUNCATE compliance_audithead",
    ],
)
def test_heads_cannot_be_changed(four: list[Decision], statement: str) -> None:
    heads.anchor(every=NOW)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert AuditHead.objects.count() == 1


def test_heads_are_read_from_log_lines_among_others(tmp_path: Path) -> None:
    line = {"number": 1, "position": 4, "decision_hash": "ab", "hash": "cd", "event": "audit.head"}
    text = "\n".join([json.dumps({"event": "http.request"}), json.dumps(line), ""])

    assert heads.read_lines(text) == [line]
    bad = tmp_path / "bad"
    bad.write_text("[1]\n")
    with pytest.raises(CommandError, match="cannot be read as heads"):
        call_command("verify_audit", heads=str(bad))
