"""Files as people's programs save them: understood and said, or refused with what to do."""

import pytest

from atlaspay.core.errors import InvalidRequestError, MalformedRequestError, PayloadTooLargeError
from payouts.services.intake_csv import read_csv
from portal.batch_file import read_file
from tests.portal.conftest import csv_of

PLAIN = csv_of({})
HEADER = "reference,amount_minor,recipient_name,recipient_country,account_type,iban"


def items(body: bytes) -> list:
    return read_csv(body, {})["payouts"]


def test_a_plain_file_goes_on_as_it_is() -> None:
    file = read_file(PLAIN)

    assert file.notes == []
    assert file.header == HEADER.split(",")
    assert file.lines == [2]
    assert items(file.body) == items(PLAIN)


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (b"\xef\xbb\xbf" + PLAIN, None),
        (csv_of({}, delimiter=";"), "Cells are separated by semicolons."),
        (csv_of({}, delimiter="\t"), "Cells are separated by tabs."),
        (PLAIN.decode().encode("utf-16"), "The file was UTF-16 (Excel's “Unicode text”)."),
        (PLAIN.replace(b"\r\n", b"\n"), None),
        (PLAIN + b",,,,,\r\n;\r\n".replace(b";", b",,,,,"), None),
        (b"\r\n\r\n" + PLAIN, None),
    ],
)
def test_what_spreadsheets_write_is_understood(raw: bytes, note: str | None) -> None:
    file = read_file(raw)

    assert file.notes == ([note] if note else [])
    assert items(file.body) == items(PLAIN)


def test_windows_letters_are_read_and_shown_for_a_look() -> None:
    file = read_file(csv_of({"recipient_name": "Jörg Müller"}).decode().encode("cp1252"))

    assert file.rows[0][2] == "Jörg Müller"
    (note,) = file.notes
    assert note.startswith("The file is not UTF-8 and was read as Windows-1252. Check the letters")
    assert "Jörg" in note


def test_lines_are_counted_as_a_spreadsheet_does() -> None:
    head, row = PLAIN.decode().split("\r\n")[:2]
    text = "\r\n".join(
        [head, row, ",,,,,", "", row.replace("Anna Jansen", '"Anna\nJansen"'), row, "", ""]
    )
    file = read_file(text.encode())

    assert file.lines == [2, 5, 6]
    assert file.notes == ["2 empty lines were left out."]
    assert read_file(file.body).lines == [2, 5, 6]
    assert len(items(file.body)) == 3


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "The file is empty."),
        (b" \r\n \n", "The file is empty."),
        (b"\xef\xbb\xbf", "The file is empty."),
        (b"PK\x03\x04rest of a workbook", "This is a spreadsheet, not CSV."),
        (b"\xd0\xcf\x11\xe0old", "This is a spreadsheet, not CSV."),
        (b"a,b\n\x00,1", "This file is no text that we can read."),
        (b"\xff\xfea", "This file is no text that we can read."),
        (b"name\x81\x8d", "This file is no text that we can read."),
        (PLAIN + b"too,few\r\n", "Line 3 has 2 cells and the first line 6."),
        (PLAIN + b'a,"b"c,d,e,f,g\r\n', "Line 3 is not CSV"),
        (PLAIN + b'a,"never closed\r\n', "Line 3 is not CSV"),
    ],
)
def test_what_is_no_csv_is_refused_in_words(raw: bytes, words: str) -> None:
    with pytest.raises(MalformedRequestError, match=words.replace(".", r"\.")):
        read_file(raw)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Reference", "reference"),
        ("amout_minor", "amount_minor"),
        ("Amount Minor", "amount_minor"),
        ("amount", "amount_minor"),
        ("recipientname", "recipient_name"),
        ("country", "recipient_country"),
        ("IBAN", "iban"),
    ],
)
def test_a_misspelled_column_is_named_with_what_was_meant(name: str, meant: str) -> None:
    raw = PLAIN.replace(meant.encode(), name.encode(), 1)
    with pytest.raises(InvalidRequestError) as caught:
        read_file(raw)

    assert f"There is no column {name!r}. Did you mean {meant}?" in [
        error["detail"] for error in caught.value.errors
    ]


def test_columns_that_miss_or_stand_twice_are_named() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_file(b"reference,reference,zzzzzz,\r\n1,2,3,4\r\n")

    assert [error["detail"] for error in caught.value.errors] == [
        "There is no column 'zzzzzz'.",
        "There is no column '(empty)'.",
        "The column 'reference' stands there twice.",
        "Missing: amount_minor, recipient_name, recipient_country, account_type.",
    ]


def test_a_file_of_no_rows_and_of_too_many_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="no rows below"):
        read_file(f"{HEADER}\r\n".encode())
    row = PLAIN.split(b"\r\n")[1] + b"\r\n"
    with pytest.raises(InvalidRequestError, match=r"at most 15,000 payouts; this file has 15,001"):
        read_file(PLAIN + row * 15_000)


def test_a_file_above_the_limit_is_refused_by_its_size(settings) -> None:
    settings.ATLASPAY_BODY_LIMIT = 1024 * 1024
    with pytest.raises(PayloadTooLargeError, match="larger than 1 MB"):
        read_file(b"x" * (1024 * 1024 + 1))
