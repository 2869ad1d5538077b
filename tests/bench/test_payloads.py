"""Bodies settle at the sandbox bank, pass the platform's checks, and never repeat an account."""

import json

from bench.payloads import Payloads, iban
from payouts.rails.accounts import check_account


def items_of(supply, size):
    reference, body = supply.batch(size)
    return reference, json.loads(body)["payouts"]


def test_an_iban_of_the_sandbox_bank():
    # The contract's own table of magic accounts.
    assert iban(0) == "NL64ATLS0000000000"
    assert iban(23) == "NL25ATLS0000000023"


def test_accounts_are_valid_unique_and_play_no_trick():
    supply = Payloads(seed=1)
    accounts = [one["recipient"]["account"] for _ in range(20) for one in items_of(supply, 100)[1]]
    assert len({account["iban"] for account in accounts}) == 2_000
    assert all(int(account["iban"][-2:]) >= 24 for account in accounts)
    assert all(check_account(account)[1] == [] for account in accounts)


def test_amounts_stay_below_every_rule():
    _, items = items_of(Payloads(seed=2), 1_000)
    assert all(100 <= one["amount_minor"] <= 49_999 for one in items)


def test_references_differ_between_batches_and_items():
    supply = Payloads(seed=3, prefix="x")
    first, items = items_of(supply, 3)
    second, _ = items_of(supply, 3)
    assert (first, second) == ("x-000001", "x-000002")
    assert [one["reference"] for one in items] == [
        "x-000001-00000",
        "x-000001-00001",
        "x-000001-00002",
    ]


def test_the_same_seed_gives_the_same_load():
    assert Payloads(seed=4).batch(5) == Payloads(seed=4).batch(5)
