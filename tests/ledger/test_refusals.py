"""What the database refuses whoever asks, the application's own connection included."""

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import checks, selectors
from ledger.models import Account, Balance, Journal, Posting
from ledger.services import JournalDraft, post, post_all
from tests.ledger.books import AVAILABLE, CASH, RESERVED, move

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def journal_id() -> int:
    with transaction.atomic():
        return post("fund", move(CASH, AVAILABLE, 1_000, "fd1"))


def image() -> list[list[tuple]]:
    """Return every row of the books."""
    return [
        list(model.objects.order_by("pk").values_list())
        for model in (Account, Journal, Posting, Balance)
    ]


def run(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_posting SET amount_minor = 1",
        "UPDATE ledger_posting SET reference = 'other'",
        "DELETE FROM ledger_posting",
        "TRUNCATE ledger_posting",
        "UPDATE ledger_journal SET narration = 'other'",
        "UPDATE ledger_journal SET is_sealed = false",
        "DELETE FROM ledger_journal",
        "TRUNCATE ledger_journal",
        "UPDATE ledger_account SET currency = 'USD'",
        "UPDATE ledger_account SET is_guarded = false",
        "DELETE FROM ledger_account",
        "TRUNCATE ledger_account CASCADE",
        "UPDATE ledger_balance SET balance_minor = balance_minor + 1",
        "DELETE FROM ledger_balance",
        "TRUNCATE ledger_balance",
        "INSERT INTO ledger_balance VALUES (5, false, 1, 1, 0, 1)",
        # Even where no row is hit: the statement itself is refused.
        "UPDATE ledger_posting SET amount_minor = 1 WHERE false",
    ],
)
def test_what_is_booked_cannot_be_changed(journal_id, statement):
    before = image()
    with pytest.raises(DatabaseError, match="is refused: the books are append-only"):
        run(statement)
    assert image() == before


def test_the_orm_cannot_change_it_either(journal_id):
    before = image()
    with pytest.raises(DatabaseError):
        Posting.objects.update(amount_minor=1)
    with pytest.raises(DatabaseError):
        Balance.objects.filter(account__name=AVAILABLE).update(balance_minor=10**9)
    posting = Posting.objects.first()
    posting.amount_minor = 7
    with pytest.raises(DatabaseError):
        posting.save()
    assert image() == before


def insert_posting(journal_id: int, account: str, amount_minor: int, currency: str = "EUR") -> None:
    account_id = Account.objects.get(name=account).id
    Posting.objects.create(
        journal_id=journal_id,
        account_id=account_id,
        amount_minor=amount_minor,
        currency=currency,
        reference="x",
    )


def test_an_unbalanced_journal_is_refused_at_commit(journal_id):
    before = image()
    reached_the_end = False
    with (  # noqa: PT012
        pytest.raises(DatabaseError, match="off by 4 minor units of EUR for x"),
        transaction.atomic(),
    ):
        journal = Journal.objects.create(kind="raw", actor="test")
        insert_posting(journal.id, CASH, 5)
        insert_posting(journal.id, AVAILABLE, -1)
        reached_the_end = True
    assert reached_the_end
    assert image() == before


def test_one_by_one_is_fine_if_it_balances_at_commit(journal_id):
    with transaction.atomic():
        journal = Journal.objects.create(kind="raw", actor="test")
        insert_posting(journal.id, CASH, 5)
        insert_posting(journal.id, AVAILABLE, -5)
    assert selectors.balance(AVAILABLE) == 1_005
    assert Journal.objects.get(id=journal.id).is_sealed


def test_a_journal_without_postings_is_refused_at_commit(journal_id):
    before = image()
    with pytest.raises(DatabaseError, match="has no postings"):
        Journal.objects.create(kind="raw", actor="test")
    assert image() == before


def test_nothing_joins_a_journal_of_an_older_transaction(journal_id):
    before = image()
    with pytest.raises(DatabaseError, match=f"journal {journal_id} is closed"):
        insert_posting(journal_id, CASH, 5)
    assert image() == before


def test_proving_a_journal_early_seals_it(journal_id):
    """SET CONSTRAINTS IMMEDIATE runs the proof; what comes after it would never be proven."""
    before = image()
    with pytest.raises(DatabaseError, match="is closed"), transaction.atomic():  # noqa: PT012
        journal = Journal.objects.create(kind="raw", actor="test")
        insert_posting(journal.id, CASH, 5)
        insert_posting(journal.id, AVAILABLE, -5)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        insert_posting(journal.id, CASH, 1_000_000)
    assert image() == before


@pytest.mark.parametrize(
    ("amount_minor", "currency", "message"),
    [
        (0, "EUR", "ledger_posting_amount"),
        (2**53, "EUR", "ledger_posting_amount"),
        (5, "USD", "is not kept in USD"),
    ],
)
def test_a_posting_has_an_amount_and_its_accounts_currency(
    journal_id, amount_minor, currency, message
):
    before = image()
    with pytest.raises(DatabaseError, match=message), transaction.atomic():  # noqa: PT012
        journal = Journal.objects.create(kind="raw", actor="test")
        insert_posting(journal.id, CASH, amount_minor, currency)
    assert image() == before


def test_a_posting_needs_an_account_and_a_journal(journal_id):
    before = image()
    for journal, account in ((journal_id + 999, 1), (None, 999_999_999)):
        with pytest.raises(DatabaseError), transaction.atomic():  # noqa: PT012
            journal = journal or Journal.objects.create(kind="raw", actor="test").id
            Posting.objects.create(
                journal_id=journal,
                account_id=account,
                amount_minor=1,
                currency="EUR",
                reference="x",
            )
    assert image() == before


def test_a_guarded_account_stays_at_or_above_zero_in_raw_sql_too(journal_id):
    with transaction.atomic():
        post("submit", move(AVAILABLE, RESERVED, 1, "po1"))
    before = image()
    with (  # noqa: PT012
        pytest.raises(DatabaseError, match=f"account {AVAILABLE} would go below zero"),
        transaction.atomic(),
    ):
        journal = Journal.objects.create(kind="raw", actor="test")
        insert_posting(journal.id, RESERVED, -1_000)
        insert_posting(journal.id, AVAILABLE, 1_000)
    assert image() == before


def test_a_rolled_back_savepoint_leaves_no_trace(journal_id):
    with transaction.atomic():
        sid = transaction.savepoint()
        post("submit", move(AVAILABLE, RESERVED, 400, "po1"))
        transaction.savepoint_rollback(sid)
        post_all([JournalDraft("submit", move(AVAILABLE, RESERVED, 30, "po2"))])
    assert (selectors.balance(AVAILABLE), selectors.balance(RESERVED)) == (970, 30)
    assert [finding for finding in checks.run() if not finding.holds] == []
