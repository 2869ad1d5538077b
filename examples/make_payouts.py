"""Writes payouts.csv: python examples/make_payouts.py > examples/payouts.csv

Nothing in it is random, no name is anybody's, and no account exists: the IBANs carry the sandbox
bank's own code ATLS, the routing numbers are assigned to no bank. The last two digits of an account
number choose what the sandbox bank does with it (docs/sandbox-bank.md); 24 to 99 settle. Left out
are the three that end only by a person's hand: 11, 13 and 15.
"""

import csv
import sys
from collections.abc import Iterator

COLUMNS = (
    "reference",
    "amount_minor",
    "currency",
    "recipient_name",
    "recipient_country",
    "account_type",
    "iban",
    "routing_number",
    "account_number",
    "sort_code",
    "description",
)
FIRST_NAMES = ("Ada", "Bram", "Cleo", "Daan", "Elif", "Femke", "Goran", "Hanna", "Ivo", "Jorien")
LAST_NAMES = ("Aalders", "Brouwer", "Castell", "Duinker", "Ekdal", "Forsman", "Grieve", "Hoekzema")
MAGIC = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23)
# (routing number, last two digits of the account) of the sandbox's peculiar US banks.
US_BANKS = (
    ("790100029", 31),  # RTP only
    ("790100032", 32),  # FedNow only
    ("790100045", 33),  # on no instant rail
    ("790100058", 34),  # signed off
    ("790100061", 35),  # slow
)
US_BANK = "790100016"
# (amount, name, country): each is held for an officer by one rule of the first policy.
FLAGGED_EUR = (
    (1_000_000, "Noor Vermaat", "NL"),
    (1_250_000, "Sil Oosting", "NL"),
    (18_000, "Viktor Drazhenko", "NL"),
    (21_500, "Orlan Trading FZE", "NL"),
)
FLAGGED_USD = (
    (1_000_000, "Riley Penhallow", "US"),
    (19_900, "Maryam Tabrizi-Kohan", "US"),
    (24_000, "Blue Heron Shipping Ltd", "US"),
    (15_000, "Lena Sokolik", "RU"),
    (16_000, "Mateo Ferrol", "CU"),
)
PLAIN_EUR, PLAIN_USD = 76, 66
# The largest plain amount stays below the 500.00 from which a payee paid the same twice is held.
SMALLEST_MINOR, SPREAD_MINOR = 1_250, 47_000


def iban(account: int) -> str:
    """Return the Dutch IBAN of bank ATLS for an account number of up to ten digits (ISO 13616)."""
    bban = f"ATLS{account:010d}"
    digits = "".join(str(int(letter, 36)) for letter in f"{bban}NL00")
    return f"NL{98 - int(digits) % 97:02d}{bban}"


def rows() -> Iterator[dict[str, str]]:
    """Yield every row; first euros, then dollars."""
    number = 0

    def row(minor: int, currency: str, name: str, country: str, **account: str) -> dict[str, str]:
        nonlocal number
        number += 1
        return {
            "reference": f"pay-{number:04d}",
            "amount_minor": str(minor),
            "currency": currency,
            "recipient_name": name,
            "recipient_country": country,
            "description": f"Marketplace payout {number}",
            **account,
        }

    def euros(minor: int, name: str, country: str, account: int) -> dict[str, str]:
        return row(minor, "EUR", name, country, account_type="iban", iban=iban(account))

    def dollars(minor: int, name: str, country: str, bank: str, account: int) -> dict[str, str]:
        digits = f"{account:010d}"
        return row(
            minor,
            "USD",
            name,
            country,
            account_type="us",
            routing_number=bank,
            account_number=digits,
        )

    for magic in MAGIC:
        yield euros(_amount(number), _name(number), "NL", magic)
    yield euros(8_000, _name(number), "NL", 10_008)  # 08 settles up to 100.00
    for index in range(PLAIN_EUR):
        yield euros(_amount(number), _name(number), "NL", _plain_account(index))
    for index, (minor, name, country) in enumerate(FLAGGED_EUR):
        yield euros(minor, name, country, 900_040 + index)

    for magic in MAGIC:
        yield dollars(_amount(number), _name(number), "US", US_BANK, 20_000 + magic)
    yield dollars(8_000, _name(number), "US", US_BANK, 30_008)
    for bank, ending in US_BANKS:
        yield dollars(_amount(number), _name(number), "US", bank, 40_000 + ending)
    for index in range(PLAIN_USD):
        yield dollars(_amount(number), _name(number), "US", US_BANK, _plain_account(index))
    for index, (minor, name, country) in enumerate(FLAGGED_USD):
        yield dollars(minor, name, country, US_BANK, 900_060 + index)


def _amount(number: int) -> int:
    # 7919 is a prime: steps through the range without a pattern one would see. Never below the
    # 100.00 that account 08 asks about, so that its first row is refused.
    minor = SMALLEST_MINOR + number * 7_919 % SPREAD_MINOR
    return minor if minor > 10_000 else minor + 12_000


def _name(number: int) -> str:
    return f"{FIRST_NAMES[number % 10]} {LAST_NAMES[number // 10 % 8]}"


def _plain_account(index: int) -> int:
    """Return an account number of its own that ends in 24 to 99."""
    return 100_000 + index * 100 + 24 + index % 76


if __name__ == "__main__":
    writer = csv.DictWriter(sys.stdout, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows())
