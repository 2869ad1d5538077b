"""The preview of a batch file as a page shows it: faulty rows cell by cell, and the rails used."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.batch_file import BatchFile

FAULTY_ROWS_SHOWN = 100
# The end of a fault's pointer -> the column it is about, where the two differ.
_COLUMN_OF = {
    "recipient/name": "recipient_name",
    "recipient/country": "recipient_country",
    "recipient/account/type": "account_type",
}
_ACCOUNT = "recipient/account"


@dataclass(slots=True)
class Cell:
    """One cell of a faulty row, with what is wrong with it."""

    column: str
    text: str
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FaultyRow:
    """A row that cannot be paid. `line` is what a spreadsheet calls it; `faults` are of no cell."""

    line: int
    cells: list[Cell]
    faults: list[str] = field(default_factory=list)


def faulty_rows(file: BatchFile, rejected: Sequence[Mapping[str, Any]]) -> list[FaultyRow]:
    """Return the first refused rows with each fault at its cell."""
    return [_faulty(file, one) for one in rejected[:FAULTY_ROWS_SHOWN]]


def rails_used(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """Return rail, payouts and sum in minor units, largest count first."""
    counts: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for item in items:
        counts[item["rail"]] += 1
        sums[item["rail"]] += item["amount_minor"]
    return [(rail, count, sums[rail]) for rail, count in counts.most_common()]


def _faulty(file: BatchFile, rejected: Mapping[str, Any]) -> FaultyRow:
    index = rejected["index"]
    cells = [Cell(column, text) for column, text in zip(file.header, file.rows[index], strict=True)]
    row = FaultyRow(file.lines[index], cells)
    by_column = {cell.column: cell for cell in cells}
    for error in rejected["errors"]:
        cell = by_column.get(_column(error["pointer"], by_column))
        (row.faults if cell is None else cell.faults).append(_words(error))
    return row


def _column(pointer: str, columns: Mapping[str, Cell]) -> str:
    # /payouts/<index>/<what>
    what = "/".join(pointer.split("/")[3:])
    if what in _COLUMN_OF:
        return _COLUMN_OF[what]
    if what == _ACCOUNT:
        return next((name for name in ("iban", "account_number") if name in columns), "")
    return what.removeprefix(f"{_ACCOUNT}/").partition("/")[0]


def _words(error: Mapping[str, str]) -> str:
    """Return a fault in the words of a spreadsheet: the API speaks of fields and JSON."""
    if error["code"] == "required":
        return "This cell is empty."
    if error["pointer"].endswith("/amount_minor") and error["code"] == "wrong_type":
        return "A whole number in the smallest unit: 12.50 EUR is 1250."
    return error["detail"]
