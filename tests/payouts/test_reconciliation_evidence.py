"""Tampering, banks that misbehave, and what the command says of it all."""

import json
from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ledger import chart
from ledger.services import Line, post
from payouts.models import Attempt, BankEntry, BankNotice, ReconciliationBreak
from payouts.rails import base
from payouts.rails.sandbox.adapter import SandboxRail
from payouts.services import dispatch, reconciliation
from tests.payouts.factories import clear_all, make_payouts
from tests.payouts.reconciling import FULL, book, claimed, hear, pay, run, totals_of
from tests.simulator.bankproc import IBANS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payouts_bankentry SET amount_minor = -1",
        "UPDATE payouts_bankentry SET end_to_end_id = 'x'",
        "DELETE FROM payouts_bankentry",
        "TRUNCATE payouts_bankentry CASCADE",
        "UPDATE payouts_banknotice SET amount_minor = -1",
        "DELETE FROM payouts_banknotice",
        "UPDATE payouts_reconciliationbreak SET actual_minor = 0",
        "UPDATE payouts_reconciliationbreak SET note = 'x' WHERE resolved_at IS NOT NULL",
        "DELETE FROM payouts_reconciliationbreak",
    ],
)
def test_evidence_cannot_be_rewritten(bank, partner, statement):
    bank.pay(21, amount_minor=333)
    run()
    first = ReconciliationBreak.objects.earliest("id")
    reconciliation.close_by_hand([first.id], note="dealt with elsewhere")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert BankEntry.objects.filter(amount_minor=-333).count() == 1
    assert BankNotice.objects.filter(amount_minor=-334).count() == 1
    assert ReconciliationBreak.objects.count() == 2


def test_a_posting_past_the_platform_is_an_unexplained_rest(bank, partner, caplog):
    cash, available = (
        chart.bank_cash("sandbox", "EUR"),
        chart.partner_available(partner.id, "EUR"),
    )
    post("by.hand", [Line(cash, 77, "EUR", "x"), Line(available, -77, "EUR", "x")])
    done = run()
    assert totals_of(done)["EUR"] == (FULL + 77, FULL, {}, -77)
    assert "reconciliation.unexplained" in caplog.text
    with pytest.raises(CommandError, match="unexplained in EUR") as refused:
        call_command("reconcile", stdout=StringIO())
    assert refused.value.returncode == 1


def test_an_entry_the_bank_changed_is_found_by_reading_all_again(bank, partner):
    pay(partner, 0, 1_000)
    run()
    bank.sim("reset", {})
    bank.pay(0, amount_minor=5)
    assert run().open_by_kind == {}
    done = run(is_full=True)
    # The bank's three fundings are booked at another instant, and its first debit is another one.
    assert done.open_by_kind["entry_changed"] == 4
    row = ReconciliationBreak.objects.get(subject="entry:acct_eur:2", kind="entry_changed")
    assert row.detail.startswith("the bank now says: -5 EUR")
    assert BankEntry.objects.get(reference="acct_eur:2").amount_minor == -1_000


def test_a_bank_that_is_away_makes_nothing_missing(bank, partner):
    bank.sim("outage", {"seconds": 60, "mode": "error"})
    sent = claimed(partner, 4_000)
    hear(sent, base.Settled())
    late = timezone.now() + timedelta(hours=1)
    Attempt.objects.filter(id=sent.attempt.id).update(finished_at=late)
    done = reconciliation.reconcile()
    assert set(done.failures) == {
        f"{rail} {what}"
        for rail in ("rtp", "fednow", "sepa_inst", "fps")
        for what in ("entries", "notices")
    }
    assert done.open_by_kind == {}
    with pytest.raises(CommandError, match="could not be read") as refused:
        call_command("reconcile", stdout=StringIO())
    assert refused.value.returncode == 2


@pytest.mark.parametrize(
    "change",
    [
        {"reference": "x" * 121},
        {"end_to_end_id": "a\x00b"},
        {"currency": "XXX"},
        {"amount_minor": 2**63},
        {"booked_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - without a zone, as a bad bank sends it
    ],
)
def test_a_line_that_cannot_be_kept_stops_its_stream(bank, partner, monkeypatch, change):
    fields = {
        "account_id": "acct_eur", "reference": "acct_eur:2", "kind": "transfer",
        "amount_minor": -1, "currency": "EUR", "end_to_end_id": "", "bank_reference": "",
        "booked_at": timezone.now(),
    }  # fmt: skip
    bad = base.Entry(**{**fields, **change})
    before = BankEntry.objects.count()
    monkeypatch.setattr(SandboxRail, "list_entries", lambda rail, cursor: ([bad], "9"))
    done = reconciliation.reconcile()
    assert all("cannot be kept" in done.failures[f"{n} entries"] for n in ("rtp", "sepa_inst"))
    assert BankEntry.objects.count() == before


def test_pages_that_run_in_a_circle_end(bank, partner, monkeypatch):
    line = base.Entry("acct_eur", "acct_eur:2", "fee", -1, "EUR", "", "", timezone.now())
    following = {"1": "2", "2": "3", "3": "2"}
    monkeypatch.setattr(
        SandboxRail, "list_entries", lambda rail, cursor: ([line], following.get(cursor, "2"))
    )
    done = reconciliation.reconcile()
    assert done.failures["sepa_inst entries"] == "the pages run in a circle"
    assert BankEntry.objects.filter(reference="acct_eur:2").count() == 1
    assert done.open_by_kind == {"theirs_only": 1}


def test_the_command_reports_and_ends_with_1_while_a_break_is_open(bank, partner):
    pay(partner, 0, 1_000)
    bank.pay(0, amount_minor=333)
    out = StringIO()
    with pytest.raises(CommandError, match="1 break is open") as refused:
        call_command("reconcile", json=True, stdout=out)
    assert refused.value.returncode == 1
    report = json.loads(out.getvalue())
    assert (report["ok"], report["open_by_kind"]) == (False, {"theirs_only": 1})
    euro = next(total for total in report["totals"] if total["currency"] == "EUR")
    assert euro == {
        "provider": "sandbox",
        "currency": "EUR",
        "ledger_minor": FULL - 1_000,
        "bank_minor": FULL - 1_333,
        "entry_count": 3,
        "difference_minor": -333,
        "explained_by": {"theirs_only": {"count": 1, "amount_minor": -333}},
        "unexplained_minor": 0,
    }
    (row,) = report["breaks"]
    assert (row["kind"], row["expected_minor"], row["actual_minor"]) == ("theirs_only", 0, -333)

    out = StringIO()
    call_command("reconcile", close=[row["id"]], note="manual transfer of treasury", stdout=out)
    assert out.getvalue() == "1 closed\n"
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert "difference -3.33 EUR" in out.getvalue()
    assert "0 open" in out.getvalue()


@pytest.mark.parametrize("text", ["2026-13-01", "today"])
def test_a_date_that_is_none_is_refused(text):
    with pytest.raises(CommandError, match="is no day"):
        call_command("reconcile", "--date", text)


def test_many_entries_cost_as_few_queries_as_one(bank, partner):
    pay(partner, 0, 100)
    with CaptureQueriesContext(connection) as one:
        run()
    make_payouts(partner, [100] * 120, iban=IBANS[0])
    clear_all()
    for sent in dispatch.claim(["sepa_inst"], 200):
        book(bank, sent)
        hear(sent, base.Settled())
    with CaptureQueriesContext(connection) as many:
        done = run()
    assert (done.entries_read, done.open_by_kind) == (120, {})
    assert BankEntry.objects.filter(status="matched", attempt__isnull=False).count() == 121
    assert len(many) <= len(one)
