"""From the first version of compliance to the present one, on a database with cases, receipts,
policies and listed names: nothing is lost, and old receipts verify beside new ones.
"""

# ruff: noqa: E501 - the statements are read in columns

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.e2e.platform import ROOT, test_database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

TO_FIRST_VERSION = """
import django
django.setup()
from django.core.management import call_command
for target in (["ledger"], ["webhooks", "0002"], ["payouts", "0003"], ["compliance", "0004"]):
    call_command("migrate", *target, verbosity=0)
"""
TO_PRESENT = """
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
VERIFY = """
import django
django.setup()
from django.core.management import call_command
try:
    call_command("verify_audit", "--json", "--no-record", "--replay")
except SystemExit:
    pass
"""
# Two flagged payouts of 12,000.00 EUR, as the first version wrote them.
TAKEN_IN = """
SELECT set_config('atlaspay.actor', 'key:key_1', true);
INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
    VALUES ('x', false, 'anna', '', '', '', true, true, now());
INSERT INTO partners_partner (id, name, email, country, status, created_at)
    VALUES ('pt_1', 'Old partner', 'old@example.com', 'NL', 'active', now());
INSERT INTO payouts_batch (id, partner_id, reference, currency, rail_requested, atomic, intake, item_count,
        accepted_count, accepted_minor, rejections, event_count, last_event_id, request_id)
    VALUES ('bt_1', 'pt_1', 'old', 'EUR', '', false, 'accepted', 2, 2, 2400000, '[]', 0, '', '');
INSERT INTO payouts_payout (id, batch_id, partner_id, position, reference, amount_minor, currency, recipient_name,
        recipient_country, account_type, account_bank, account_sealed, account_last4, account_index, description,
        metadata, rail_requested, rail, fallback_reason, state, stage, version, deadline_at, due_at, attempt_count,
        failure_code, failure_message, bank_code, returned_minor, event_count, last_event_id)
    SELECT 'po_' || n, 'bt_1', 'pt_1', n, 'r' || n, 1200000, 'EUR', 'Anna Jansen', 'NL', 'iban', 'NLATLS', 'x', '4300',
        'x', '', '{}', '', 'sepa_inst', '', 'screening', 'screening', 1, now(), now(), 0, '', '', '', 0, 0, ''
    FROM generate_series(1, 2) n;
INSERT INTO ledger_account (name, kind, normal_side, currency, is_guarded) VALUES
    ('partner:pt_1:available:EUR', 'liability', 'credit', 'EUR', false),
    ('partner:pt_1:reserved:EUR', 'liability', 'credit', 'EUR', false);
INSERT INTO ledger_journal (kind, actor, request_id, narration) VALUES ('payouts.reserved', 'key:key_1', '', '');
INSERT INTO ledger_posting (journal_id, account_id, amount_minor, currency, reference)
    SELECT j.id, a.id, CASE WHEN a.name LIKE '%available%' THEN 1200000 ELSE -1200000 END, 'EUR', p.id
    FROM ledger_journal j, ledger_account a, payouts_payout p;
"""
SCREENED = """
SELECT set_config('atlaspay.actor', 'system:compliance.screen', true);
INSERT INTO compliance_screeningrun (id, payout_id, policy_id, verdict, score, facts, findings, lists, duration_us)
    SELECT 'sr_' || right(id, 1), id, 1, 'review', 30, '{}',
        '[{"code": "amount_over_limit", "result": "hit", "weight": 30, "words": "Old words.", "trace": {}}]',
        'synthetic@1', 10 FROM payouts_payout;
INSERT INTO compliance_case (id, payout_id, partner_id, run_id, state, codes, score, due_at)
    SELECT 'cs_' || right(id, 1), id, partner_id, 'sr_' || right(id, 1), 'open', '{amount_over_limit}', 30,
        now() + interval '30 minutes' FROM payouts_payout;
UPDATE payouts_payout SET state = 'in_review', stage = 'review', version = 2;
"""
DECIDED = """
SELECT set_config('atlaspay.actor', 'user:anna', true), set_config('atlaspay.user_id', '1', true);
UPDATE payouts_payout SET state = 'queued', stage = 'ready', version = 3 WHERE id = 'po_{n}';
UPDATE compliance_case SET state = 'decided', closed_at = clock_timestamp() WHERE id = 'cs_{n}';
INSERT INTO compliance_decision (id, case_id, payout_id, kind, reason_code, internal_text, partner_text, actor,
        user_id, before, after, evidence, policy_id, request_id)
    SELECT 'dc_{n}', 'cs_{n}', 'po_{n}', 'approve', 'name_differs', 'Ünïcode, 5:colons', '', 'user:anna', id,
        '{{"payout_id": "po_{n}", "state": "in_review", "version": 2, "amount_minor": 1200000, "currency": "EUR"}}',
        '{{"payout_id": "po_{n}", "state": "queued", "version": 3, "amount_minor": 1200000, "currency": "EUR"}}',
        '{{"score": 30}}', 1, '' FROM auth_user;
"""


class Old:
    """A database of its own on the tests' server."""

    def __init__(self, name: str) -> None:
        self.url = test_database_url().replace(str(connection.settings_dict["NAME"]), name, 1)

    def run(self, code: str) -> str:
        """Run Python of the product against it and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": self.url, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        return done.stdout

    def sql(self, *texts: str) -> list[tuple[Any, ...]]:
        """Run statements, a transaction each, and return the rows of the last."""
        with psycopg.connect(self.url, autocommit=True) as opened:
            found: list[tuple[Any, ...]] = []
            for text in texts:
                with opened.transaction(), opened.cursor() as cursor:
                    cursor.execute(text)
                    while cursor.nextset():
                        pass
                    found = cursor.fetchall() if cursor.description else []
            return found

    def verify(self) -> dict[str, Any]:
        """Verify with the present code."""
        return json.loads(self.run(VERIFY).splitlines()[-1])


@pytest.fixture
def old() -> Iterator[Old]:
    name = f"{connection.settings_dict['NAME']}_old"
    with psycopg.connect(test_database_url(), autocommit=True) as opened:
        opened.execute(f'DROP DATABASE IF EXISTS "{name}"')
        opened.execute(f'CREATE DATABASE "{name}"')
    yield Old(name)
    with psycopg.connect(test_database_url(), autocommit=True) as opened:
        # Not by force: that may not end a vacuum at work in it, which a plain DROP sends away.
        opened.execute(f'DROP DATABASE "{name}"')


def test_a_database_of_the_first_version_comes_over_whole_and_verifies(old: Old) -> None:
    old.run(TO_FIRST_VERSION)
    old.sql(TAKEN_IN, SCREENED, DECIDED.format(n=1))
    chain = "SELECT position, id, encode(prev_hash, 'hex'), encode(hash, 'hex'), decided_at"
    before = old.sql(f"{chain} FROM compliance_decision")
    history = "SELECT id, state, actor, history_date FROM compliance_historicalcase ORDER BY 1, 4"
    cases_before = old.sql(history)
    names = old.sql("SELECT name, subject FROM compliance_watchlistentry ORDER BY id")

    old.run(TO_PRESENT)

    assert old.sql(f"{chain} FROM compliance_decision") == before
    assert old.sql(
        "SELECT format, stage, about_id, four_eyes, bulk_id FROM compliance_decision"
    ) == [(1, "final", None, [], "")]
    assert old.sql(history) == cases_before
    assert len(cases_before) == 3
    assert old.sql(
        "SELECT id, state, origin, is_blocked, auto, rank_at = due_at FROM compliance_case ORDER BY id"
    ) == [
        ("cs_1", "decided", "screening", False, "", True),
        ("cs_2", "open", "screening", False, "", True),
    ]
    assert (
        old.sql(
            "SELECT n.name, p.subject FROM compliance_watchlistentry n"
            " JOIN compliance_watchlistparty p ON p.id = n.party_id ORDER BY n.id"
        )
        == names
    )
    assert old.sql("SELECT policy_id, kind, actor FROM compliance_policystep ORDER BY id")[0] == (
        *(1, "published"),
        "system:migration",
    )
    said = old.verify()
    assert set(said["checks"].values()) == {"ok"}, said["checks"]
    assert (said["flagged"], said["decided"], said["open"]) == (2, 1, 1)

    # A receipt of the second format follows the one of the first.
    old.sql(DECIDED.format(n=2))
    assert old.sql("SELECT position, format FROM compliance_decision ORDER BY 1") == [
        (1, 1),
        (2, 2),
    ]
    said = old.verify()
    assert set(said["checks"].values()) == {"ok"}, said["checks"]

    old.sql(
        "ALTER TABLE compliance_decision DISABLE TRIGGER USER;"
        "UPDATE compliance_decision SET format = 2 WHERE position = 1;"
        "ALTER TABLE compliance_decision ENABLE TRIGGER USER"
    )
    assert old.verify()["checks"]["chain"] == (
        "decision dc_1 (position 1): the row is not what was hashed"
    )
