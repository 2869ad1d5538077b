"""Entries, statements and notifications, in JSON and as camt.053 and camt.054."""

from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from tests.simulator.bankproc import BankProcess

FULL = 1_000_000_000_000
XML = "application/xml"
C53 = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}
C54 = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"}


def parse(document: bytes) -> ElementTree.Element:
    return ElementTree.fromstring(document)  # noqa: S314 - our own bank wrote it


def today(bank: BankProcess) -> date:
    return date.fromisoformat(bank.sim("clock", method="GET")["now"][:10])


def statement(bank: BankProcess, day: date) -> dict[str, object]:
    found: dict[str, object] = bank.read(f"/v1/accounts/acct_eur/statements/{day}")
    return found


def minor(element: ElementTree.Element, names: dict[str, str]) -> int:
    """Return the signed minor units of an element that holds Amt and CdtDbtInd."""
    units = int(Decimal(element.findtext("c:Amt", None, names) or "") * 100)
    return -units if element.findtext("c:CdtDbtInd", None, names) == "DBIT" else units


def test_entries_are_numbered_and_paged(bank: BankProcess) -> None:
    paid = [bank.pay(0, amount_minor=amount) for amount in (100, 200, 300)]
    first = bank.read("/v1/accounts/acct_eur/entries", limit=2)
    assert [(e["seq"], e["amount_minor"]) for e in first["data"]] == [(1, FULL), (2, -100)]
    assert (first["last_seq"], first["has_more"]) == (2, True)
    rest = bank.read("/v1/accounts/acct_eur/entries", after_seq=2)
    assert [(e["seq"], e["amount_minor"], e["kind"]) for e in rest["data"]] == [
        (3, -200, "transfer"),
        (4, -300, "transfer"),
    ]
    assert rest["data"][0]["transfer_id"] == paid[1]["id"]
    assert rest["data"][0]["end_to_end_id"] == paid[1]["end_to_end_id"]
    assert (rest["last_seq"], rest["has_more"]) == (4, False)
    empty = bank.read("/v1/accounts/acct_eur/entries", after_seq=4)
    assert (empty["data"], empty["last_seq"]) == ([], 4)


def test_a_statement_adds_up_from_day_to_day(bank: BankProcess) -> None:
    day = today(bank)
    bank.pay(16, amount_minor=1000)
    bank.pay(0, amount_minor=50)
    bank.advance(days=1)
    bank.pay(0, amount_minor=7)
    first, second = statement(bank, day), statement(bank, day + timedelta(days=1))
    assert (first["opening_balance_minor"], first["closing_balance_minor"]) == (0, FULL - 1050)
    assert second["opening_balance_minor"] == FULL - 1050
    assert [e["amount_minor"] for e in second["entries"]] == [1000, -7]  # type: ignore[union-attr, index]
    assert second["closing_balance_minor"] == FULL - 57 == bank.balance()


def test_20_appears_on_the_statement_of_the_next_day(bank: BankProcess) -> None:
    day = today(bank)
    transfer = bank.pay(20)
    first, second = statement(bank, day), statement(bank, day + timedelta(days=1))
    assert first["closing_balance_minor"] == FULL
    assert [e["transfer_id"] for e in second["entries"]] == [transfer["id"]]  # type: ignore[union-attr, index]
    assert second["closing_balance_minor"] == FULL - 1234
    entries = bank.read("/v1/accounts/acct_eur/entries")["data"]
    assert entries[-1]["transfer_id"] == transfer["id"]


def test_21_is_noticed_with_a_cent_too_much(bank: BankProcess) -> None:
    bank.pay(21, amount_minor=1000)
    noticed = bank.read("/v1/accounts/acct_eur/notifications", after_seq=1)["data"]
    entries = bank.read("/v1/accounts/acct_eur/entries", after_seq=1)["data"]
    assert [item["amount_minor"] for item in noticed] == [-1001]
    assert [item["amount_minor"] for item in entries] == [-1000]
    root = parse(bank.get("/v1/accounts/acct_eur/notifications", XML, after_seq=1).content)
    assert [minor(n, C54) for n in root.findall(".//c:Ntry", C54)] == [-1001]


def test_camt_053_says_what_the_json_says(bank: BankProcess) -> None:
    day = today(bank)
    bank.pay(0, amount_minor=1005, remittance="Möbel & <Söhne>")
    transfer = bank.pay(17, amount_minor=1000)
    bank.sim(f"transfers/{transfer['id']}/return", {"amount_minor": 1, "reason_code": "AC06"})
    answer = bank.get(f"/v1/accounts/acct_eur/statements/{day}", XML)
    assert answer.headers["Content-Type"] == XML
    root = parse(answer.content)
    assert root.tag == "{urn:iso:std:iso:20022:tech:xsd:camt.053.001.08}Document"
    balances = {
        b.findtext("c:Tp/c:CdOrPrtry/c:Cd", None, C53): minor(b, C53)
        for b in root.findall(".//c:Bal", C53)
    }
    assert balances == {"OPBD": 0, "CLBD": FULL - 1005 - 1000 + 1}
    entries = root.findall(".//c:Ntry", C53)
    amounts = [minor(entry, C53) for entry in entries]
    assert amounts == [FULL, -1005, -1000, 1]
    assert balances["OPBD"] + sum(amounts) == balances["CLBD"] == bank.balance()
    assert entries[1].findtext(".//c:RmtInf/c:Ustrd", None, C53) == "Möbel & <Söhne>"
    assert entries[2].findtext(".//c:EndToEndId", None, C53) == transfer["end_to_end_id"]
    assert entries[2].findtext(".//c:UETR", None, C53) == transfer["uetr"]
    assert entries[3].findtext(".//c:RtrInf/c:Rsn/c:Cd", None, C53) == "AC06"
    summary = root.find(".//c:TxsSummry", C53)
    assert summary is not None
    assert summary.findtext("c:TtlNtries/c:NbOfNtries", None, C53) == "4"
    assert summary.findtext("c:TtlDbtNtries/c:Sum", None, C53) == "20.05"


def test_a_day_without_entries_has_a_statement(bank: BankProcess) -> None:
    day = today(bank) + timedelta(days=5)
    found = statement(bank, day)
    assert (found["opening_balance_minor"], found["entries"]) == (FULL, [])
    assert found["closing_balance_minor"] == FULL
    answer = bank.get(f"/v1/accounts/acct_eur/statements/{day}", XML)
    assert parse(answer.content).findall(".//c:Ntry", C53) == []


@pytest.mark.parametrize("text", ["today", "2026-13-01", "2026-1-1", ""])
def test_a_date_that_is_none_is_refused(bank: BankProcess, text: str) -> None:
    answer = bank.get(f"/v1/accounts/acct_eur/statements/{text}")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
