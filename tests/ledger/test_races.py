"""Two hands in one purse: real connections, real commits."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from ledger import checks, selectors
from ledger.chart import partner_available, partner_reserved
from ledger.errors import InsufficientFundsError
from ledger.models import Account
from ledger.services import JournalDraft, lock_accounts, post, post_all
from tests.ledger.books import AVAILABLE, CASH, RESERVED, move

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def together(*works: Callable[[], object]) -> list[object]:
    """Run all at once, each on a connection of its own; return results or the refusals."""
    gate = threading.Barrier(len(works))

    def one(work: Callable[[], object]) -> object:
        try:
            gate.wait(timeout=10)
            return work()
        except InsufficientFundsError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def fund(amount_minor: int) -> None:
    with transaction.atomic():
        post("fund", move(CASH, AVAILABLE, amount_minor, "fd1"))


def spend(amount_minor: int, reference: str) -> Callable[[], int]:
    def work() -> int:
        with transaction.atomic():
            return post("submit", move(AVAILABLE, RESERVED, amount_minor, reference))

    return work


def test_of_two_spends_of_one_balance_exactly_one_wins():
    fund(100)
    for round_number in range(10):
        results = together(spend(100, f"a{round_number}"), spend(100, f"b{round_number}"))
        refused = [r for r in results if isinstance(r, InsufficientFundsError)]
        assert len(refused) == 1
        assert refused[0].shortfall_minor == 100
        assert (selectors.balance(AVAILABLE), selectors.balance(RESERVED)) == (0, 100)
        with transaction.atomic():
            post("canceled", move(RESERVED, AVAILABLE, 100, f"c{round_number}"))


def test_sixteen_spenders_take_exactly_what_there_is():
    fund(1_000)
    results = together(*[spend(90, f"po{n}") for n in range(16)])
    # 11 x 90 = 990 fit, the other five meet 10 left.
    assert sum(isinstance(r, InsufficientFundsError) for r in results) == 5
    assert (selectors.balance(AVAILABLE), selectors.balance(RESERVED)) == (10, 990)
    assert all(finding.holds for finding in checks.run())


def test_units_that_touch_the_same_accounts_crosswise_do_not_deadlock():
    first, second = partner_available("pt_1", "EUR"), partner_available("pt_2", "EUR")
    with transaction.atomic():
        post_all(
            [
                JournalDraft("fund", move(CASH, first, 10_000, "f1")),
                JournalDraft("fund", move(CASH, second, 10_000, "f2")),
            ]
        )
    reserved = [partner_reserved(p, "EUR") for p in ("pt_1", "pt_2")]

    def many(order: int) -> Callable[[], None]:
        def work() -> None:
            for n in range(25):
                drafts = [
                    JournalDraft("submit", move(first, reserved[0], 1, f"x{order}-{n}")),
                    JournalDraft("submit", move(second, reserved[1], 1, f"y{order}-{n}")),
                ]
                with transaction.atomic():
                    post_all(drafts if order % 2 else drafts[::-1])

        return work

    together(*[many(order) for order in range(6)])
    # 6 workers x 25 rounds x 1
    assert [selectors.balance(name) for name in (first, second, *reserved)] == [
        9_850,
        9_850,
        150,
        150,
    ]
    assert all(finding.holds for finding in checks.run())


def test_a_locked_balance_does_not_move_until_the_lock_is_gone():
    fund(100)
    locked, release = threading.Event(), threading.Event()
    seen: list[int] = []

    def holder() -> None:
        with transaction.atomic():
            before = lock_accounts([AVAILABLE])[AVAILABLE]
            locked.set()
            release.wait(timeout=10)
            seen.extend([before, selectors.balance(AVAILABLE)])

    def spender() -> object:
        locked.wait(timeout=10)
        threading.Timer(0.2, release.set).start()
        return spend(100, "po1")()

    together(holder, spender)
    assert seen == [100, 100]
    assert selectors.balance(AVAILABLE) == 0


def test_the_same_account_is_made_once_by_many():
    def work() -> None:
        with transaction.atomic():
            post("fund", move(CASH, AVAILABLE, 1, "fd1"))

    together(*[work] * 8)
    assert list(Account.objects.values_list("name", flat=True)) == [CASH, AVAILABLE]
    assert selectors.balance(AVAILABLE) == 8
