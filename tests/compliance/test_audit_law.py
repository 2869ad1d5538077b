"""The guards: what the database must hold is read from the migrations, and any way around it is
named.
"""

import pytest
from django.db import connection

from compliance.services.audit import law
from compliance.services.audit.report import Check
from tests.compliance.forging import faults

pytestmark = pytest.mark.django_db


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_the_migrations_say_what_the_database_has() -> None:
    found = law.of_migrations()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace"
        )
        (count,) = cursor.fetchone()

    assert len(found.triggers) == count >= 70
    assert found.triggers["compliance_decision", "chain"] == law.Guard(
        7, False, "compliance_chain_decision", ""
    )
    assert found.triggers["compliance_screeningrun", "c_parent_policy_id"] == law.Guard(
        4, False, "partners_prove_parents", "policy_id,compliance_policy,number"
    )
    assert "compliance_netstring" in found.functions
    assert faults() == {}


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (
            ["ALTER TABLE compliance_decision DISABLE TRIGGER append_only"],
            "the trigger compliance_decision.append_only is missing or switched off",
        ),
        (
            ["ALTER TABLE payouts_payout ENABLE REPLICA TRIGGER a_guard_moves"],
            "the trigger payouts_payout.a_guard_moves is missing or switched off",
        ),
        (
            ["DROP TRIGGER no_truncate ON compliance_case"],
            "the trigger compliance_case.no_truncate is missing or switched off",
        ),
        (
            ["DROP TRIGGER webhooks_event_immutable ON webhooks_event"],
            "the trigger webhooks_event.webhooks_event_immutable is missing or switched off",
        ),
        (
            [
                "DROP TRIGGER append_only ON compliance_policy",
                "CREATE TRIGGER append_only BEFORE UPDATE ON compliance_policy"
                " FOR EACH STATEMENT EXECUTE FUNCTION compliance_refuse()",
            ],
            "the trigger compliance_policy.append_only is not what the migrations made",
        ),
        (
            [
                "DROP TRIGGER guard ON compliance_case",
                "CREATE TRIGGER guard BEFORE UPDATE ON compliance_case FOR EACH ROW"
                " WHEN (false) EXECUTE FUNCTION compliance_guard_case()",
            ],
            "the trigger compliance_case.guard is not what the migrations made",
        ),
        (
            [
                "CREATE OR REPLACE FUNCTION compliance_refuse() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN NULL; END'",
            ],
            "the function compliance_refuse is not what the migrations made",
        ),
        (
            [
                "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN NULL; END'",
                "CREATE TRIGGER aaa BEFORE INSERT ON payouts_historicalpayout FOR EACH ROW"
                " EXECUTE FUNCTION quiet()",
            ],
            "the trigger payouts_historicalpayout.aaa is in no migration",
        ),
        (
            [
                "CREATE RULE nothing AS ON DELETE TO compliance_case DO INSTEAD NOTHING",
            ],
            "compliance_case.nothing: a rule of which the migrations know nothing",
        ),
        (
            ["ALTER TABLE compliance_decision ENABLE ROW LEVEL SECURITY"],
            "compliance_decision: a row security of which the migrations know nothing",
        ),
        (
            ["DROP INDEX decision_one_in_effect_per_case"],
            "the constraint decision_one_in_effect_per_case is missing or not valid",
        ),
        (
            ["ALTER TABLE payouts_payout DROP CONSTRAINT payout_amount_positive"],
            "the constraint payout_amount_positive is missing or not valid",
        ),
    ],
)
def test_a_guard_that_is_off_or_another_is_named(statements: list[str], words: str) -> None:
    run(*statements)

    assert faults() == {"guards": words}


def test_a_session_that_plays_replica_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(sql: str, values: object = None) -> list[tuple[object, ...]]:
        if "current_setting" in sql:
            return [("replica",)]
        return [("every role",)] if "pg_db_role_setting" in sql else []

    monkeypatch.setattr(law, "rows", rows)
    monkeypatch.setattr(law, "of_migrations", lambda: law.Law({}, {}))
    monkeypatch.setattr(law, "_declared", set)
    check = Check("guards")

    law.faults(check)

    assert (
        check.fault == "session_replication_role is replica: triggers do not fire in this session"
    )
