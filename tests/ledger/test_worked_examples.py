"""An accountant's worked examples: every amount below was computed by hand."""

import pytest
from django.db import transaction

from atlaspay.core import context
from ledger import selectors
from ledger.chart import bank_cash, partner_available, partner_prefix
from ledger.errors import LedgerError, UnbalancedJournalError, UnknownAccountError
from ledger.models import Journal, Posting
from ledger.selectors import Totals
from ledger.services import (
    InsufficientFundsError,
    JournalDraft,
    Line,
    lock_accounts,
    post,
    post_all,
)
from tests.ledger.books import AVAILABLE, CASH, IN_TRANSIT, RESERVED, move

pytestmark = pytest.mark.django_db


def holdings() -> tuple[int, int, int, int]:
    return tuple(selectors.balance(name) for name in (AVAILABLE, RESERVED, IN_TRANSIT, CASH))


def test_a_payout_from_funding_to_return_leaves_the_money_where_it_belongs():
    post("fund", move(CASH, AVAILABLE, 1_000_00, "fd1"))
    assert holdings() == (1_000_00, 0, 0, 1_000_00)

    post("submit", move(AVAILABLE, RESERVED, 250_00, "po1") + move(AVAILABLE, RESERVED, 99, "po2"))
    assert holdings() == (749_01, 250_99, 0, 1_000_00)

    post("sent", move(RESERVED, IN_TRANSIT, 250_00, "po1"))
    assert holdings() == (749_01, 99, 250_00, 1_000_00)

    post("settled", move(IN_TRANSIT, CASH, 250_00, "po1"))
    assert holdings() == (749_01, 99, 0, 750_00)

    post("failed", move(RESERVED, AVAILABLE, 99, "po2"))
    assert holdings() == (750_00, 0, 0, 750_00)

    post("returned", move(CASH, AVAILABLE, 100_00, "po1"))
    assert holdings() == (850_00, 0, 0, 850_00)

    # Debits: 1000.00 + 250.00 + 0.99 + 250.00 + 250.00 + 0.99 + 100.00
    assert selectors.trial_balance() == {"EUR": Totals(1_851_98, 1_851_98)}


def test_currencies_never_mix():
    post("fund", move(CASH, AVAILABLE, 100, "fd1"))
    yen = Line(bank_cash("sandbox", "JPY"), 5_000, "JPY", "fd2")
    post("fund", [yen, Line(partner_available("pt_a", "JPY"), -5_000, "JPY", "fd2")])

    assert selectors.trial_balance() == {"EUR": Totals(100, 100), "JPY": Totals(5_000, 5_000)}
    assert selectors.balances(partner_prefix("pt_a")) == {
        "partner:pt_a:available:EUR": 100,
        "partner:pt_a:available:JPY": 5_000,
    }


def test_lines_of_one_reference_read_as_its_history():
    post("fund", move(CASH, AVAILABLE, 500, "fd1"), narration="first money")
    post("submit", move(AVAILABLE, RESERVED, 200, "po1"))
    post("settled", move(RESERVED, CASH, 200, "po1"))

    read = [(e.kind, e.account, e.amount_minor, e.change_minor) for e in selectors.lines("po1")]
    assert read == [
        ("submit", AVAILABLE, 200, -200),
        ("submit", RESERVED, -200, 200),
        ("settled", RESERVED, 200, -200),
        ("settled", CASH, -200, -200),
    ]
    assert [e.narration for e in selectors.lines("fd1")] == ["first money", "first money"]


def test_entries_page_backwards_without_gap_or_repeat():
    post("fund", move(CASH, AVAILABLE, 500, "fd1"))
    for number in range(5):
        post("submit", move(AVAILABLE, RESERVED, 10 + number, f"po{number}"))

    first = selectors.entries([AVAILABLE], limit=4)
    rest = selectors.entries([AVAILABLE], before_id=first[-1].id, limit=4)
    assert [e.change_minor for e in first] == [-14, -13, -12, -11]
    assert [e.change_minor for e in rest] == [-10, 500]


def test_several_journals_of_one_unit_are_one_statement(django_assert_num_queries):
    post("fund", move(CASH, AVAILABLE, 1_000, "fd1"))
    post("submit", move(AVAILABLE, RESERVED, 10, "po0"))

    with django_assert_num_queries(1):
        ids = post_all(
            [
                JournalDraft("settled", move(RESERVED, CASH, 10, "po0")),
                JournalDraft("submit", move(AVAILABLE, RESERVED, 7, "po1"), narration="n"),
            ]
        )
    assert list(
        Journal.objects.filter(id__in=ids).order_by("id").values_list("kind", "narration")
    ) == [
        ("settled", ""),
        ("submit", "n"),
    ]
    assert holdings() == (983, 7, 0, 990)


def test_spending_the_last_cent_works_and_one_more_is_refused_with_the_shortfall():
    post("fund", move(CASH, AVAILABLE, 100_00, "fd1"))
    post("submit", move(AVAILABLE, RESERVED, 99_99, "po1"))
    before = Posting.objects.count()

    with pytest.raises(InsufficientFundsError) as refused, transaction.atomic():
        post("submit", move(AVAILABLE, RESERVED, 3, "po2"))

    assert (
        refused.value.account,
        refused.value.available_minor,
        refused.value.shortfall_minor,
    ) == (
        AVAILABLE,
        1,
        2,
    )
    assert refused.value.status == 422
    assert refused.value.extra == {
        "currency": "EUR",
        "required_minor": 3,
        "available_minor": 1,
        "shortfall_minor": 2,
    }
    assert "0.02 EUR short" in refused.value.detail
    assert Posting.objects.count() == before
    assert holdings() == (1, 99_99, 0, 100_00)


def test_a_refused_journal_takes_the_others_of_its_call_with_it():
    post("fund", move(CASH, AVAILABLE, 10, "fd1"))
    with pytest.raises(InsufficientFundsError), transaction.atomic():
        post_all(
            [
                JournalDraft("submit", move(AVAILABLE, RESERVED, 5, "po1")),
                JournalDraft("submit", move(AVAILABLE, RESERVED, 6, "po2")),
            ]
        )
    assert holdings() == (10, 0, 0, 10)
    assert Journal.objects.count() == 1


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([], UnbalancedJournalError),
        ([Line(CASH, 5, "EUR", "x")], UnbalancedJournalError),
        ([Line(CASH, 0, "EUR", "x"), Line(AVAILABLE, 0, "EUR", "x")], UnbalancedJournalError),
        ([Line(CASH, 5, "EUR", "x"), Line(AVAILABLE, -4, "EUR", "x")], UnbalancedJournalError),
        # In sum zero, but not for each reference: one payout's money would pay another's.
        ([Line(CASH, 5, "EUR", "x"), Line(AVAILABLE, -5, "EUR", "y")], UnbalancedJournalError),
        ([Line(CASH, 5, "EUR", "x"), Line(AVAILABLE, -5, "USD", "x")], UnbalancedJournalError),
        (move("nobody", CASH, 5, "x"), UnknownAccountError),
        (move("partner:pt_a:secret:EUR", CASH, 5, "x"), UnknownAccountError),
        (move(CASH, AVAILABLE, 5, 'a","b'), LedgerError),
        (move(CASH, AVAILABLE, 5, ""), LedgerError),
    ],
)
def test_faulty_lines_are_refused_before_the_database_sees_them(lines, error):
    with pytest.raises(error):
        post("fund", lines)
    assert not Journal.objects.exists()
    assert not Posting.objects.exists()


def test_lock_accounts_tells_the_balance_and_takes_guarded_accounts_only():
    post("fund", move(CASH, AVAILABLE, 77, "fd1"))
    other = partner_available("pt_new", "EUR")
    assert lock_accounts([other, AVAILABLE]) == {AVAILABLE: 77, other: 0}
    with pytest.raises(LedgerError):
        lock_accounts([RESERVED])


def test_the_actor_and_request_are_on_the_journal():
    with context.bind(actor="key:key_1", request_id="r-1"):
        journal_id = post("fund", move(CASH, AVAILABLE, 1, "fd1"))
    journal = Journal.objects.get(id=journal_id)
    assert (journal.actor, journal.request_id) == ("key:key_1", "r-1")
