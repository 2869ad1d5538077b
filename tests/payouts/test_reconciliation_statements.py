"""Statements and notifications against entries, and breaks that a person closes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from atlaspay.core import clock, context
from atlaspay.core.errors import ConflictError, InvalidRequestError, NotFoundError
from payouts.models import BankEntry, ReconciliationBreak
from payouts.rails import base
from payouts.rails.sandbox.adapter import SandboxRail
from payouts.services import reconciliation
from tests.payouts.reconciling import FULL, kinds, pay, run, totals_of
from tests.simulator.bankproc import BankProcess

pytestmark = pytest.mark.django_db


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
