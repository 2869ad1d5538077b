"""Our books against a real sandbox bank's: every kind of break opens, explains the totals, and ends
when the missing side arrives. Amounts are worked by hand.
"""

import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from atlaspay.core import clock, context
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from ledger import chart
from ledger.selectors import balance
from ledger.services import Line, post
from payouts.machine import Stage, State
from payouts.models import Attempt, BankEntry, BankNotice, ReconciliationBreak, Return
from payouts.rails import base
from payouts.rails.sandbox.adapter import SandboxRail
from payouts.services import dispatch, inquiry, reconciliation, settlement
from payouts.services.funding import fund_partner
from tests.payouts.factories import clear_all, fresh, make_due, make_payouts
from tests.payouts.reconciling import FULL, book, claimed, hear, kinds, pay, run, totals_of
from tests.simulator.bankproc import IBANS, BankProcess, eur_order

pytestmark = pytest.mark.django_db
TERMINAL = base.Rejected(
    canonical="account_closed", retry_class=base.RetryClass.TERMINAL, bank_code="AC04"
)


def test_what_both_booked_is_matched_and_a_second_run_changes_nothing(bank, partner):
    payout = pay(partner, 0, 20_000)
    first = run()
    entry = BankEntry.objects.get(end_to_end_id=payout.id.removeprefix("po_") + "-1")
    assert (entry.amount_minor, entry.status, entry.cause, entry.is_open) == (
        -20_000,
        "matched",
        "",
        False,
    )
    assert entry.attempt.payout_id == payout.id
    assert (first.entries_read, first.opened, first.open_by_kind) == (1, 0, {})
    assert totals_of(first)["EUR"] == (FULL - 20_000, FULL - 20_000, {}, 0)
    # Two rails read the account in USD; its one entry is kept once.
    assert BankEntry.objects.filter(account_id="acct_usd").count() == 1
    before = (fresh(payout).version, list(BankEntry.objects.order_by("id").values()))
    again = run()
    assert (again.entries_read, again.asked, again.opened, again.closed) == (0, 0, 0, 0)
    assert (fresh(payout).version, list(BankEntry.objects.order_by("id").values())) == before


def test_money_that_moved_and_is_not_final_is_in_flight(bank, partner):
    payout = pay(partner, 14, 5_000)
    assert (fresh(payout).state, fresh(payout).stage) == (State.SENT, Stage.MONEY_MOVED)
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    assert totals_of(done)["EUR"] == (FULL, FULL - 5_000, {"in_flight": (1, -5_000)}, 0)
    assert fresh(payout).state == State.SENT
    assert run().asked == 0
    bank.advance(seconds=91)
    make_due(payout)
    inquiry.run(State.SENT)
    assert fresh(payout).state == State.SETTLED
    assert totals_of(run())["EUR"] == (FULL - 5_000, FULL - 5_000, {}, 0)
    assert not BankEntry.objects.filter(is_open=True).exists()


def test_an_unknown_outcome_is_asked_about_when_its_entry_is_seen(bank, partner):
    sent = claimed(partner, 7_000)
    book(bank, sent)
    hear(sent, base.Unknown())
    payout = fresh(sent.payout)
    settlement_time = payout.due_at
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    assert fresh(payout).state == State.SENDING
    assert fresh(payout).due_at < settlement_time
    inquiry.run(State.SENDING)
    assert fresh(payout).state == State.SETTLED
    assert totals_of(run())["EUR"] == (FULL - 7_000, FULL - 7_000, {}, 0)


def test_a_payout_taken_for_never_sent_leaves_the_queue_when_its_entry_is_seen(bank, partner):
    sent = claimed(partner, 7_000)
    book(bank, sent)
    hear(sent, base.RateLimited())
    assert fresh(sent.payout).state == State.QUEUED
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    payout = fresh(sent.payout)
    assert (payout.state, payout.stage) == (State.SENDING, Stage.INQUIRY)
    inquiry.run(State.SENDING)
    assert fresh(payout).state == State.SETTLED
    assert bank.audit()["double_paid"] == 0


def test_paid_by_the_bank_and_refused_here_is_shown_and_moves_nothing(bank, partner):
    sent = claimed(partner, 7_000)
    book(bank, sent)
    hear(sent, TERMINAL)
    done = run()
    assert kinds() == {"state_differs": (0, -7_000)}
    assert fresh(sent.payout).state == State.FAILED
    assert balance(chart.partner_available(partner.id, "EUR")) == FULL
    assert totals_of(done)["EUR"] == (FULL, FULL - 7_000, {"state_differs": (1, -7_000)}, 0)
    assert ReconciliationBreak.objects.get().payout_id == sent.payout.id


def test_a_transfer_made_behind_our_back_is_theirs_only(bank, partner):
    bank.pay(0, amount_minor=333)
    done = run()
    assert kinds() == {"theirs_only": (0, -333)}
    assert totals_of(done)["EUR"] == (FULL, FULL - 333, {"theirs_only": (1, -333)}, 0)
    assert BankEntry.objects.get(amount_minor=-333).status == "unmatched"
    again = run()
    assert (again.opened, again.closed, again.open_count) == (0, 0, 1)


def test_money_received_is_theirs_only_until_it_is_booked_by_its_reference(bank, partner):
    bank.sim("fund", {"account_id": "acct_eur", "amount_minor": 5_000})
    assert totals_of(run())["EUR"] == (FULL, FULL + 5_000, {"theirs_only": (1, 5_000)}, 0)
    reference = BankEntry.objects.get(amount_minor=5_000).reference
    fund_partner(partner.id, amount_minor=5_000, currency="EUR", reference=reference)
    done = run()
    assert (done.closed, done.open_by_kind) == (1, {})
    assert totals_of(done)["EUR"] == (FULL + 5_000, FULL + 5_000, {}, 0)
    closed = ReconciliationBreak.objects.get()
    assert (closed.resolved_by, closed.note) == ("system:reconcile", "agrees since")
    assert closed.is_resolved_by_hand is False


def test_a_funding_that_the_bank_does_not_show_is_ours_only(bank, partner):
    fund_partner(partner.id, amount_minor=9_000, currency="EUR", reference="wire-77")
    done = run()
    row = ReconciliationBreak.objects.get()
    assert (row.kind, row.subject, row.expected_minor) == ("ours_only", "funding:wire-77", 9_000)
    expected = (FULL + 9_000, FULL, {"funded_without_entry": (1, -9_000)}, 0)
    assert totals_of(done)["EUR"] == expected


def test_a_funding_booked_with_another_amount_differs(bank, partner):
    bank.sim("fund", {"account_id": "acct_eur", "amount_minor": 5_000})
    fund_partner(partner.id, amount_minor=5_500, currency="EUR", reference="acct_eur:2")
    done = run()
    assert kinds() == {"amount_differs": (5_500, 5_000)}
    expected = (FULL + 5_500, FULL + 5_000, {"amount_differs": (1, -500)}, 0)
    assert totals_of(done)["EUR"] == expected


def test_settled_here_and_not_at_the_bank_is_ours_only_until_the_entry_comes(bank, partner):
    sent = claimed(partner, 4_000)
    hear(sent, base.Settled())
    done = run()
    assert kinds() == {"ours_only": (-4_000, 0)}
    expected = (FULL - 4_000, FULL, {"settled_without_entry": (1, 4_000)}, 0)
    assert totals_of(done)["EUR"] == expected
    book(bank, sent)
    done = run()
    assert (done.closed, done.open_by_kind) == (1, {})
    assert totals_of(done)["EUR"] == (FULL - 4_000, FULL - 4_000, {}, 0)


def test_what_was_settled_just_now_is_no_break_yet(bank, partner, monkeypatch):
    monkeypatch.setattr(reconciliation.breaks, "MISSING_AFTER", timedelta(minutes=10))
    sent = claimed(partner, 4_000)
    hear(sent, base.Settled())
    done = run()
    assert done.open_by_kind == {}
    assert totals_of(done)["EUR"][2:] == ({"settled_without_entry": (1, 4_000)}, 0)
    late = timezone.now() - timedelta(minutes=11)
    Attempt.objects.filter(id=sent.attempt.id).update(finished_at=late)
    assert run().open_by_kind == {"ours_only": 1}


def test_another_amount_at_the_bank_is_a_break_with_both_amounts(bank, partner):
    sent = claimed(partner, 4_000)
    book(bank, sent, amount_minor=4_100)
    hear(sent, base.Settled())
    done = run()
    assert kinds() == {"amount_differs": (-4_000, -4_100)}
    assert BankEntry.objects.get(amount_minor=-4_100).status == "broken"
    expected = (FULL - 4_000, FULL - 4_100, {"amount_differs": (1, -100)}, 0)
    assert totals_of(done)["EUR"] == expected
    assert fresh(sent.payout).state == State.SETTLED


def test_a_second_debit_for_one_attempt_is_booked_twice(bank, partner):
    payout = pay(partner, 0, 4_000)
    run()
    attempt = Attempt.objects.get(payout=payout)
    order = eur_order(0, amount_minor=4_000, end_to_end_id=attempt.end_to_end_id)
    assert bank.send(order).status_code == 201
    done = run()
    assert kinds() == {"booked_twice": (0, -4_000)}
    expected = (FULL - 4_000, FULL - 8_000, {"booked_twice": (1, -4_000)}, 0)
    assert totals_of(done)["EUR"] == expected


def test_a_return_we_have_not_heard_of_is_looked_up_and_booked(bank, partner):
    payout = pay(partner, 16, 6_000)
    run()
    bank.advance(days=1)
    done = run()
    assert (done.asked, done.open_by_kind) == (1, {})
    assert (fresh(payout).state, fresh(payout).failure_code) == (State.RETURNED, "account_closed")
    came_back = Return.objects.get(payout=payout)
    assert (came_back.amount_minor, came_back.bank_code) == (6_000, "AC04")
    entry = BankEntry.objects.get(amount_minor=6_000)
    assert (entry.returned_id, entry.status, entry.is_open) == (came_back.id, "matched", False)
    assert totals_of(done)["EUR"] == (FULL, FULL, {}, 0)


def test_two_partial_returns_match_one_by_one(bank, partner):
    payout = pay(partner, 17, 8_000)
    bank.advance(days=1)
    run()
    assert (fresh(payout).state, fresh(payout).returned_minor) == (State.SETTLED, 4_000)
    bank.advance(days=1)
    done = run()
    assert (fresh(payout).state, fresh(payout).returned_minor) == (State.SETTLED, 6_000)
    assert totals_of(done)["EUR"] == (FULL - 2_000, FULL - 2_000, {}, 0)
    assert done.open_by_kind == {}


def test_a_return_the_bank_does_not_confirm_stays_theirs_only(bank, partner, monkeypatch):
    payout = pay(partner, 16, 6_000)
    bank.advance(days=1)
    with monkeypatch.context() as patch:
        patch.setattr(SandboxRail, "lookup", lambda rail, order: base.Unknown(detail="503"))
        done = run()
    assert kinds() == {"theirs_only": (0, 6_000)}
    assert ReconciliationBreak.objects.get().payout_id == payout.id
    assert fresh(payout).state == State.SETTLED
    assert totals_of(done)["EUR"] == (FULL - 6_000, FULL, {"theirs_only": (1, 6_000)}, 0)
    assert run().asked == 0
    BankEntry.objects.filter(amount_minor=6_000).update(
        asked_at=timezone.now() - timedelta(hours=2)
    )
    done = run()
    assert (done.asked, done.closed, done.open_by_kind) == (1, 1, {})
    assert fresh(payout).state == State.RETURNED


def test_a_return_here_that_the_bank_never_booked_is_ours_only(bank, partner):
    payout = pay(partner, 0, 6_000)
    hint = base.ReturnHint("ret_nowhere", 1_000, "EUR", "AC04", timezone.now())
    settled = Attempt.objects.get(payout=payout)
    settlement.apply(
        [settlement.Answer(payout.id, settled.id, base.Settled(returned=(hint,)))], reason="test"
    )
    done = run()
    assert kinds() == {"ours_only": (1_000, 0)}
    expected = (FULL - 5_000, FULL - 6_000, {"returned_without_entry": (1, -1_000)}, 0)
    assert totals_of(done)["EUR"] == expected


def bank_today(bank: BankProcess) -> date:
    return date.fromisoformat(bank.sim("clock", method="GET")["now"][:10])


def test_20_is_missing_from_the_days_statement_and_on_the_next(bank, partner):
    day = bank_today(bank)
    pay(partner, 20, 2_500)
    pay(partner, 0, 1_000)
    later = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(days=3)
    with clock.frozen(later):
        done = run(on=day)
        assert kinds() == {"statement_missing": (-2_500, 0)}
        euro = next(one for one in done.closings if one.account_id == "acct_eur")
        assert (euro.opening_minor, euro.closing_minor) == (0, FULL - 1_000)
        assert (euro.entries_to_end_minor, euro.missing_count, euro.missing_minor) == (
            FULL - 3_500,
            1,
            -2_500,
        )
        assert euro.unexplained_minor == 0
        again = run(on=day)
        assert (again.opened, again.closed, again.open_count) == (0, 0, 1)
        done = run(on=day + timedelta(days=1))
    assert (done.closed, done.open_by_kind) == (1, {})
    euro = next(one for one in done.closings if one.account_id == "acct_eur")
    assert (euro.closing_minor, euro.missing_count, euro.unexplained_minor) == (FULL - 3_500, 0, 0)
    assert BankEntry.objects.get(amount_minor=-2_500).statement_on == day + timedelta(days=1)


def test_a_statement_that_does_not_add_up_is_a_break(bank, partner, monkeypatch):
    day = bank_today(bank)
    pay(partner, 0, 1_000)
    read = SandboxRail.read_statement

    def wrong(rail, on):
        found = read(rail, on)
        lines = found.entries
        if found.account_id == "acct_eur":
            changed = base.Entry(
                *(getattr(lines[1], name) if name != "amount_minor" else -999
                  for name in base.Entry.__dataclass_fields__)
            )  # fmt: skip
            lines = (lines[0], changed)
        fields = {name: getattr(found, name) for name in base.Statement.__dataclass_fields__}
        return base.Statement(**{**fields, "entries": lines})

    later = datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(days=3)
    with clock.frozen(later):
        with monkeypatch.context() as patch:
            patch.setattr(SandboxRail, "read_statement", wrong)
            run(on=day)
        rows = ReconciliationBreak.objects.filter(resolved_at=None).order_by("subject")
        assert [(r.subject, r.expected_minor, r.actual_minor) for r in rows] == [
            (f"closing:acct_eur:{day}", FULL - 999, FULL - 1_000),
            ("line:acct_eur:2", -1_000, -999),
        ]
        assert (run(on=day).closed, kinds()) == (2, {})


def test_a_day_that_has_not_ended_has_no_statement(bank, partner):
    with pytest.raises(InvalidRequestError):
        reconciliation.reconcile(on=clock.now().date())
    assert not ReconciliationBreak.objects.exists()


def test_21_is_notified_with_another_amount_and_stays_open_until_explained(bank, partner):
    pay(partner, 21, 1_000)
    done = run()
    row = ReconciliationBreak.objects.get()
    assert (row.kind, row.expected_minor, row.actual_minor) == ("notice_differs", -1_000, -1_001)
    assert totals_of(done)["EUR"] == (FULL - 1_000, FULL - 1_000, {}, 0)
    assert run().open_count == 1
    with context.bind(actor="operator:otto"):
        assert reconciliation.take([row.id]) == 1
        with pytest.raises(InvalidRequestError):
            reconciliation.close_by_hand([row.id], note="ok")
        assert ReconciliationBreak.objects.get().resolved_at is None
        assert reconciliation.close_by_hand([row.id], note="bank confirmed: typing error") == 1
        with pytest.raises(ConflictError):
            reconciliation.close_by_hand([row.id], note="bank confirmed: typing error")
        with pytest.raises(NotFoundError):
            reconciliation.take([row.id + 1])
    closed = ReconciliationBreak.objects.get()
    assert (closed.owner, closed.resolved_by) == ("operator:otto", "operator:otto")
    assert (closed.is_resolved_by_hand, closed.note) == (True, "bank confirmed: typing error")
    again = run()
    assert (again.opened, again.open_count) == (0, 0)


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
