"""Whatever happens to partners' money, in whatever order, the books agree with plain sums."""

from collections import Counter

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import checks, selectors
from ledger.chart import bank_cash, partner_available, partner_in_transit, partner_reserved
from ledger.models import Journal
from ledger.services import InsufficientFundsError, JournalDraft, Line, post_all

pytestmark = pytest.mark.django_db

CASH = "cash"
# step: (debited, credited), by role; the payout's own money and nobody else's.
STEPS = {
    "fund": (CASH, "available"),
    "submit": ("available", "reserved"),
    "sent": ("reserved", "in_transit"),
    "settled": ("in_transit", CASH),
    "settled_at_once": ("reserved", CASH),
    "failed": ("reserved", "available"),
    "returned": (CASH, "available"),
}
NAMES = {
    "available": partner_available,
    "reserved": partner_reserved,
    "in_transit": partner_in_transit,
}

move = st.tuples(
    st.sampled_from(sorted(STEPS)),
    st.sampled_from(["pt_a", "pt_b"]),
    st.sampled_from(["EUR", "JPY"]),
    st.integers(1, 500),
)
walks = st.lists(st.lists(move, min_size=1, max_size=4), max_size=12)


def account(role: str, partner: str, currency: str) -> str:
    if role == CASH:
        return bank_cash("sandbox", currency)
    return NAMES[role](partner, currency)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(walks)
def test_the_books_agree_with_plain_sums(walk):
    with transaction.atomic():
        expected: Counter[str] = Counter()
        posted = 0
        for number, unit in enumerate(walk):
            after, drafts = Counter(expected), []
            for place, (step, partner, currency, amount) in enumerate(unit):
                debit, credit = (account(role, partner, currency) for role in STEPS[step])
                reference = f"po{number}-{place}"
                drafts.append(
                    JournalDraft(
                        step,
                        [
                            Line(debit, amount, currency, reference),
                            Line(credit, -amount, currency, reference),
                        ],
                    )
                )
                for name, change in ((debit, amount), (credit, -amount)):
                    after[name] += change if name.startswith("bank:") else -change
            overdrawn = any(v < 0 for name, v in after.items() if ":available:" in name)
            try:
                with transaction.atomic():
                    post_all(drafts)
            except InsufficientFundsError:
                assert overdrawn
            else:
                assert not overdrawn
                expected, posted = after, posted + len(drafts)

        held = selectors.balances("partner:") | selectors.balances("bank:")
        assert held == {name: expected[name] for name in held}
        assert {name for name, v in expected.items() if v} <= held.keys()
        assert Journal.objects.count() == posted
        for totals in selectors.trial_balance().values():
            assert totals.debit_minor == totals.credit_minor
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        broken = [finding.check for finding in checks.run() if not finding.holds]
        # Steps in any order may take more out of a role than it held where no guard watches.
        assert set(broken) <= {"negative"}
        transaction.set_rollback(True)
