"""The guards: what the database must hold is read from the migrations, and any way around it is
named.
"""

import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction

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


# What may be changed and deleted, and why that loses no evidence.
NO_EVIDENCE = {
    "core_secondfactor": "a secret that is replaced; enrolling and resetting are in the access log",
    "core_recoverycode": "used once, then gone; its use is in the access log",
    "core_failurecount": "counts of failures, for throttling",
    "partners_idempotencyrecord": "answers kept for a day",
    "webhooks_endpointhealth": "figures of now",
    "webhooks_endpointcheck": "figures of now",
    "webhooks_deliveryrollup": "sums that can be counted anew",
    "webhooks_deliveryrollupmark": "how far they were counted",
    "webhooks_deliverytime": "sums that can be counted anew",
    "webhooks_signingkey": "rotated; public keys of before are published until they expire",
    "webhooks_mailmessage": "letters that go once",
    "payouts_payoutrollup": "sums that can be counted anew",
    "payouts_payoutrollupmark": "how far they were counted",
    "payouts_payouttime": "sums that can be counted anew",
    "payouts_batchupload": "chunks on their way in",
    "payouts_railstate": "how a rail is now; its history is guarded",
    "payouts_bankstream": "how far a bank's feed was read",
    "compliance_savedfilter": "a person's own views",
    "compliance_recipientseen": "facts that can be gathered anew",
    "compliance_partnerflow": "sums that can be counted anew",
    "compliance_flowmark": "how far they were counted",
    "compliance_shadowrun": "what a policy that moves nothing would have said",
    "compliance_shadowtally": "how often it did",
    "portal_membership": "who has access now; its history is guarded",
    "portal_invitation": "letters that go once",
    "portal_upload": "files on their way in",
}
DELETE, TRUNCATE, UPDATE = 8, 32, 16


def test_no_table_is_forgotten() -> None:
    """A new table is evidence, which nobody deletes, or stands above with the reason why not."""
    refused: dict[str, int] = {}
    for (table, _), guard in law.of_migrations().triggers.items():
        is_refusal = guard.kind & (DELETE | TRUNCATE)
        refused[table] = refused.get(table, 0) | (guard.kind if is_refusal else 0)
    tables = {
        model._meta.db_table
        for room in law.ROOMS
        for model in apps.get_app_config(room).get_models()
        if model._meta.managed
    }
    kept = {table for table in tables if refused.get(table, 0) & DELETE}

    assert {table for table in kept if not refused[table] & TRUNCATE} == set()
    assert tables - kept == set(NO_EVIDENCE)
    histories = {table for table in tables if "_historical" in table}
    assert {table for table in histories if not refused[table] & UPDATE} == set()
    assert {
        *("compliance_watchlistchange", "compliance_watchlistswitch", "compliance_watchlistentry"),
        *("compliance_watchlistparty", "compliance_watchlistimport", "compliance_rescreen"),
    } <= kept


def test_the_rooms_are_all_of_ours() -> None:
    first = settings.INSTALLED_APPS.index("atlaspay.core")

    assert {name.rpartition(".")[2] for name in settings.INSTALLED_APPS[first:]} == set(law.ROOMS)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE {} SET history_date = now()", "partners_historicalpartner"),
        ("DELETE FROM {}", "portal_historicalmembership"),
        ("DELETE FROM {}", "compliance_rescreen"),
        ("TRUNCATE {} CASCADE", "webhooks_historicalendpoint"),
    ],
)
def test_a_history_is_never_changed(statement: str, table: str) -> None:
    with pytest.raises(DatabaseError, match="kept as evidence"), transaction.atomic():
        run(statement.format(table))
