"""Read a batch file as people's programs save it, and hand on the CSV that the API takes.

Spreadsheets write semicolons, tabs, byte order marks, UTF-16 and Windows-1252. What was understood
is said in words, so that nobody submits what they did not see. Amounts are never interpreted.
"""

import csv
import difflib
import io
from dataclasses import dataclass, field

from django.conf import settings

from atlaspay.core.errors import InvalidRequestError, MalformedRequestError, PayloadTooLargeError
from payouts.services.intake_csv import COLUMNS, REQUIRED_COLUMNS
from payouts.services.intake_schema import ITEMS_MAX

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# What people call a column that has another name here.
OTHER_NAMES = {
    "amount": "amount_minor",
    "amount_cents": "amount_minor",
    "name": "recipient_name",
    "recipient": "recipient_name",
    "beneficiary": "recipient_name",
    "country": "recipient_country",
    "type": "account_type",
    "account": "iban",
    "id": "reference",
    "memo": "description",
    "purpose": "description",
}
NAMES_SHOWN = 3


@dataclass(slots=True)
class BatchFile:
    """`body` is UTF-8 CSV with commas; `rows` are the cells below the header, as they were, and
    `lines` their numbers in a spreadsheet.
    """

    body: bytes
    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    notes: list[str] = field(default_factory=list)


def read_file(raw: bytes) -> BatchFile:
    """Return the file as CSV. Raises PayloadTooLargeError, MalformedRequestError (no text, no
    CSV), InvalidRequestError (columns, too many rows); each says what to do.
    """
    limit = settings.ATLASPAY_BODY_LIMIT
    if len(raw) > limit:
        raise too_large()
    notes: list[str] = []
    text = _text(raw, notes)
    if not text.strip():
        raise MalformedRequestError("The file is empty. It begins with a line of column names.")
    delimiter = _delimiter(text)
    if delimiter != ",":
        notes.append(f"Cells are separated by {DELIMITERS[delimiter]}.")
    header, by_line = _rows(text, delimiter, notes)
    rows = list(by_line.values())
    _check_header(header)
    if not rows:
        raise InvalidRequestError("The file has column names and no rows below them.")
    if len(rows) > ITEMS_MAX:
        detail = (
            f"A batch has at most {ITEMS_MAX:,} payouts; this file has {len(rows):,}. Split it."
        )
        raise InvalidRequestError(detail)
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(header)
    for line in range(2, max(by_line) + 1):
        # Empty lines stay, so that every later reader counts alike.
        writer.writerow(by_line.get(line, []))
    return BatchFile(made.getvalue().encode(), header, rows, list(by_line), notes)


def too_large() -> PayloadTooLargeError:
    """Return the refusal of a file above the limit."""
    megabytes = settings.ATLASPAY_BODY_LIMIT // (1024 * 1024)
    return PayloadTooLargeError(
        f"The file is larger than {megabytes} MB. A batch of {ITEMS_MAX:,} payouts is far smaller:"
        " is it the right file? Otherwise split it."
    )


def _text(raw: bytes, notes: list[str]) -> str:
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise MalformedRequestError(
            "This is a spreadsheet, not CSV. Save it as “CSV UTF-8” and upload that."
        )
    for mark, name in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            try:
                text = raw.decode(name)
            except UnicodeDecodeError:
                raise _no_text() from None
            notes.append("The file was UTF-16 (Excel's “Unicode text”).")
            return _without_nul(text)
    try:
        return _without_nul(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        pass
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        raise _no_text() from None
    words = [word for word in text.split() if not word.isascii()][:NAMES_SHOWN]
    notes.append(
        "The file is not UTF-8 and was read as Windows-1252."
        f" Check the letters in: {', '.join(word[:40] for word in words)}."
    )
    return _without_nul(text)


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise _no_text()
    return text


def _no_text() -> MalformedRequestError:
    return MalformedRequestError(
        "This file is no text that we can read. Save it as “CSV UTF-8” and upload that."
    )


def _delimiter(text: str) -> str:
    first = text.lstrip("\r\n").partition("\n")[0]
    return max(DELIMITERS, key=first.count)


def _rows(text: str, delimiter: str, notes: list[str]) -> tuple[list[str], dict[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    rows: dict[int, list[str]] = {}
    line = 0
    try:
        for cells in reader:
            is_blank = not any(cell.strip() for cell in cells)
            if is_blank and not header:
                continue
            line += 1
            if not header:
                header = [cell.strip() for cell in cells]
            elif is_blank:
                continue
            elif len(cells) != len(header):
                raise MalformedRequestError(
                    f"Line {line} has {len(cells)} cells and the first line"
                    f" {len(header)}. A cell with a separator in it stands between quotes."
                )
            else:
                rows[line] = cells
    except csv.Error as error:
        raise MalformedRequestError(f"Line {line + 1} is not CSV: {error}.") from None
    blank = max(rows, default=1) - 1 - len(rows)
    if blank:
        notes.append(f"{blank:,} empty line{'s were' if blank > 1 else ' was'} left out.")
    return header, rows


def _check_header(header: list[str]) -> None:
    faults = []
    for name in header:
        if name not in COLUMNS:
            meant = _meant(name)
            hint = f" Did you mean {meant}?" if meant else ""
            faults.append(f"There is no column {name[:40] or '(empty)'!r}.{hint}")
    faults += [
        f"The column {name!r} stands there twice."
        for name in sorted({name for name in header if header.count(name) > 1 and name})
    ]
    missing = [name for name in REQUIRED_COLUMNS if name not in header]
    if missing:
        faults.append(f"Missing: {', '.join(missing)}.")
    if faults:
        detail = "The column names in the first line do not fit."
        errors = [{"pointer": "", "code": "header", "detail": words} for words in faults[:20]]
        raise InvalidRequestError(detail, errors=errors)  # type: ignore[arg-type]


def _meant(name: str) -> str:
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    if plain in COLUMNS:
        return plain
    known = [*COLUMNS, *OTHER_NAMES]
    near = difflib.get_close_matches(plain[:64], known, n=1, cutoff=0.7)
    return OTHER_NAMES.get(near[0], near[0]) if near else ""
