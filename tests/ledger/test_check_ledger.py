"""check_ledger finds each kind of break, made past the triggers as only their owner can."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from ledger import checks
from ledger.models import Account, Journal
from ledger.services import post
from tests.ledger.books import AVAILABLE, CASH, RESERVED, move

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _books() -> None:
    with transaction.atomic():
        post("fund", move(CASH, AVAILABLE, 1_000, "fd1"))
        post("submit", move(AVAILABLE, RESERVED, 300, "po1"))


def tamper(statement: str, *values: object) -> None:
    """Run a statement while the owner of the tables lets their triggers rest."""
    tables = sorted({table for table, _ in checks.TRIGGERS})
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def check() -> tuple[str, dict]:
    out = StringIO()
    with pytest.raises(CommandError) as broken:
        call_command("check_ledger", json=True, stdout=out)
    assert broken.value.returncode == 1
    return str(broken.value), json.loads(out.getvalue())


def test_sound_books_pass():
    out = StringIO()
    call_command("check_ledger", json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert told["ok"] is True
    assert told["checks"] == dict.fromkeys([c.name for c in checks.CHECKS], True)
    assert told["counts"] == {"accounts": 3, "journals": 2, "postings": 4}
    assert told["trial_balance"] == {"EUR": {"debit": 1_300, "credit": 1_300}}

    out = StringIO()
    call_command("check_ledger", stdout=out)
    assert out.getvalue().splitlines()[-1] == "the ledger balances"


def test_a_changed_posting():
    tamper("UPDATE ledger_posting SET amount_minor = 301 WHERE amount_minor = 300")
    detail, told = check()
    journal = Journal.objects.get(kind="submit")
    assert detail == f"journals: journal {journal.id} is off by 1 minor units of EUR for po1"
    assert told["ok"] is False
    assert told["break"]["row"] == [str(journal.id), "po1", "EUR", "1"]
    assert told["checks"] == {"triggers": True, "postings": True, "journals": False}


def test_a_changed_balance():
    account = Account.objects.get(name=AVAILABLE)
    tamper("UPDATE ledger_balance SET balance_minor = 701 WHERE account_id = %s", account.id)
    assert check()[0] == f"balances: account {AVAILABLE} says 701, its postings say 700"


def test_totals_that_cancel_out_in_the_balance():
    account = Account.objects.get(name=CASH)
    tamper(
        "UPDATE ledger_balance SET debit_total = debit_total + 5, credit_total = credit_total + 5"
        " WHERE account_id = %s",
        account.id,
    )
    assert check()[0].startswith(f"balances: account {CASH}")


def test_a_removed_journal():
    tamper("DELETE FROM ledger_journal WHERE kind = 'submit'")
    assert check()[0].startswith("postings: posting ")


def test_a_journal_whose_postings_were_removed():
    tamper("DELETE FROM ledger_posting WHERE reference = 'po1'")
    assert check()[0].startswith("sealed: journal ")


def test_money_owed_below_zero():
    account = Account.objects.get(name=RESERVED)
    available = Account.objects.get(name=AVAILABLE)
    journal = Journal.objects.get(kind="submit")
    tamper(
        "INSERT INTO ledger_posting (journal_id, account_id, amount_minor, currency, reference)"
        " VALUES (%s, %s, 400, 'EUR', 'po9'), (%s, %s, -400, 'EUR', 'po9')",
        journal.id,
        account.id,
        journal.id,
        available.id,
    )
    tamper(
        "UPDATE ledger_balance SET balance_minor = balance_minor - 400,"
        " debit_total = debit_total + 400 WHERE account_id = %s",
        account.id,
    )
    tamper(
        "UPDATE ledger_balance SET balance_minor = balance_minor + 400,"
        " credit_total = credit_total + 400 WHERE account_id = %s",
        available.id,
    )
    assert check()[0] == f"negative: account {RESERVED} stands below zero: -100"


@pytest.mark.parametrize(("table", "trigger"), checks.TRIGGERS)
def test_a_disabled_trigger(table, trigger):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    try:
        assert check()[0] == f"triggers: trigger {trigger} of {table} is missing or disabled"
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")


def test_a_trigger_that_fires_on_replicas_only_counts_as_disabled():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_posting ENABLE REPLICA TRIGGER ledger_posting_applied")
    try:
        assert "ledger_posting_applied" in check()[0]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE ledger_posting ENABLE TRIGGER ledger_posting_applied")
