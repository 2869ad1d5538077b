"""What must become of each row of a batch file, by the sandbox bank's published table alone.

Written from the table of magic accounts and the first screening policy, never from what the
platform does: the demo is judged by it.
"""

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from atlaspay.run.errors import RunError


@dataclass(frozen=True)
class Expected:
    """The end of one payout. `failure_code` None is not judged; `returned`: none, part or all."""

    status: str
    failure_code: str | None = None
    returned: str = "none"
    needs_seconds: int = 0  # of the bank's clock, after it was sent


REVIEW_FROM_MINOR = 1_000_000
RISKY_COUNTRIES = frozenset({"KP", "IR", "SY", "CU", "RU"})
WATCHED_NAMES = frozenset(
    {"Viktor Drazhenko", "Orlan Trading FZE", "Maryam Tabrizi-Kohan", "Blue Heron Shipping Ltd"}
)
# Last two digits of the account: why the bank refuses it for good. None: the partner is told less.
REFUSED = {
    2: "account_invalid",
    3: "account_closed",
    4: "account_blocked",
    6: "beneficiary_deceased",
    7: None,
    12: "account_closed",
    22: None,
    23: "retries_exhausted",
}
AM14_ABOVE_MINOR = 10_000
MINUTE_S, DAY_S = 60, 86_400
LATER = {
    14: Expected("settled", needs_seconds=2 * MINUTE_S),
    16: Expected("returned", returned="all", needs_seconds=DAY_S),
    17: Expected("settled", returned="part", needs_seconds=2 * DAY_S),
}
NEVER_END = frozenset({11, 13, 15})
UNREACHABLE_BANKS = frozenset({"790100045", "790100058"})


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a batch file; raises RunError naming what is wrong with it."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} is no CSV in UTF-8: {error}") from error
    missing = {"reference", "amount_minor", "currency", "account_type"} - set(
        rows[0] if rows else []
    )
    if missing:
        raise RunError(f"{path} lacks the columns {', '.join(sorted(missing))}")
    return rows


def expected_end(row: dict[str, str]) -> Expected:
    """Return how the payout of one row must end."""
    minor = int(row["amount_minor"])
    if (
        minor >= REVIEW_FROM_MINOR
        or row["recipient_country"] in RISKY_COUNTRIES
        or row["recipient_name"] in WATCHED_NAMES
    ):
        return Expected("in_review")
    if row["routing_number"] in UNREACHABLE_BANKS:
        return Expected("failed", "bank_not_on_rail")
    ending = int((row["iban"] or row["account_number"])[-2:])
    if ending in NEVER_END:
        return Expected("processing")
    if ending in REFUSED:
        return Expected("failed", REFUSED[ending])
    if ending == 5 and row["currency"] != "USD":  # dollars are rerouted from RTP to FedNow
        return Expected("failed", "account_type_unsupported")
    if ending == 8 and minor > AM14_ABOVE_MINOR:
        return Expected("failed", "amount_over_bank_limit")
    return LATER.get(ending, Expected("settled"))


def expected_counts(rows: list[dict[str, str]]) -> Counter[str]:
    """Return how many payouts must end in each status."""
    return Counter(expected_end(row).status for row in rows)
