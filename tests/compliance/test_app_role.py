"""The platform as a role that does not own its tables: everything works, and nothing that is
evidence can be changed, not even with its guards off.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from atlaspay.core.models import AccessEvent
from compliance.models import AuditHead, Decision, Verification
from compliance.services import audit
from compliance.services.audit import background, grants, heads
from compliance.services.decide import decide
from compliance.services.second import confirm
from compliance.services.undo import undo
from payouts.rails import base
from payouts.services import settlement
from tests.compliance.factories import LISTED, flagged_payout, open_case, staff
from tests.compliance.test_decide import approve, reject
from tests.payouts.factories import fresh, funded_partner, sending
from tests.webhooks.factories import make_endpoint

pytestmark = pytest.mark.django_db
# Roles belong to the server, which parallel runs share.
ROLE = f"atlaspay_app_of_{os.environ.get('PYTEST_XDIST_WORKER', 'tests')}"


@pytest.fixture
def app_role() -> Iterator[None]:
    """Act as the role from here on; only a server's superuser can make one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
        )
        may_make = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [ROLE])
        is_there = cursor.fetchone()[0]
        cursor.execute("SELECT current_user")
        (owner,) = cursor.fetchone()
    if not is_there and not may_make:
        _make_as_superuser(owner)
    elif not is_there:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {ROLE}; {_grant(owner)}")
    with connection.cursor() as cursor:
        cursor.execute("\n".join(grants.statements(ROLE)))
        cursor.execute(f"SET ROLE {ROLE}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")


def _grant(owner: str) -> str:
    is_choice = connection.features.is_postgresql_16
    return f"GRANT {ROLE} TO {owner} {'WITH INHERIT FALSE, SET TRUE' if is_choice else ''}"


def _make_as_superuser(owner: str) -> None:
    """The embedded server's superuser lets in whoever owns its socket; others may not."""

    known = connection.settings_dict
    try:
        opened = psycopg.connect(
            host=known["HOST"],
            port=known["PORT"] or None,
            user="postgres",
            dbname=known["NAME"],
            autocommit=True,
        )
    except psycopg.OperationalError as error:
        pytest.skip(f"no role could be made, so NOT run: give {owner} CREATEROLE ({error})")
    with opened:
        opened.execute(f"CREATE ROLE {ROLE}")
        opened.execute(_grant(owner))


def test_the_whole_flow_runs_as_a_role_that_owns_nothing(app_role: None) -> None:
    partner = funded_partner(100_000_000)
    make_endpoint(partner=partner)
    anna, lena = staff("officer", "anna"), staff("lead", "lena")
    payout = flagged_payout(25_000, partner=partner, recipient_name=LISTED)
    case = payout.cases.get()
    proposal = decide(
        case.id, kind="approve", reason_code="name_differs", internal_text="Born later.", user=anna
    )
    confirm(case.id, proposal_id=proposal.id, internal_text="Seen it.", user=lena)
    sent = sending(fresh(payout))
    settlement.apply(
        [settlement.Answer(sent.payout.id, sent.attempt.id, base.Settled())], reason="test"
    )
    reject(open_case(), anna)
    taken_back = approve(open_case(), anna)
    undo(taken_back.id, reason_code="new_information", internal_text="They called.", user=lena)
    heads.anchor(every=timedelta(0))
    background.ask()
    while background.run_slice():
        pass

    assert fresh(payout).state == "settled"
    assert Decision.objects.count() == 5
    assert AuditHead.objects.count() == 1
    assert Verification.objects.get().is_sound
    assert audit.verify().is_sound


def test_evidence_is_out_of_its_reach(app_role: None) -> None:
    approve(open_case(), staff("officer"))
    out = StringIO()
    call_command("app_role", "--check", stdout=out)
    assert "change none of it" in out.getvalue()

    for statement in (
        "UPDATE compliance_decision SET actor = 'user:eve'",
        "DELETE FROM compliance_decision",
        "TRUNCATE compliance_decision CASCADE",
        "ALTER TABLE compliance_decision DISABLE TRIGGER append_only",
        "DROP TRIGGER append_only ON compliance_decision",
        "CREATE TABLE mine (id int)",
        "DELETE FROM payouts_historicalpayout",
        "UPDATE ledger_posting SET amount_minor = 1",
        "UPDATE ledger_balance SET balance_minor = 1",
        "DELETE FROM payouts_payout",
        "UPDATE compliance_autopolicy SET document = '{}'",
        "UPDATE django_migrations SET app = 'x'",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert audit.verify().is_sound
    assert AccessEvent.objects.count() == 0


def test_the_owner_is_told_what_he_could_do() -> None:
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("app_role", "--check", stdout=out)

    assert ended.value.code == 1
    assert "compliance_decision: its owner can switch the guards off" in out.getvalue()
    with pytest.raises(CommandError):
        call_command("app_role")


def test_the_rights_follow_the_guards_of_the_migrations() -> None:
    found = grants.append_only()
    made = "\n".join(grants.statements("it's"))

    assert found["compliance_decision"] == {"UPDATE", "DELETE"}
    assert found["compliance_case"] == {"DELETE"}
    assert found["webhooks_event"] == {"UPDATE"}
    assert found["ledger_journal"] == {"DELETE"}  # sealing is an update, by a trigger
    assert "ledger_balance" not in found
    assert 'GRANT INSERT, SELECT ON "compliance_decision" TO "it\'s";' in made
    assert 'GRANT SELECT ON "django_migrations" TO "it\'s";' in made
    assert "TRUNCATE" not in made
