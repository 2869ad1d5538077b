"""ISO 20022 account reporting: camt.053.001.08 statements and camt.054.001.08 notifications.

Element order follows the message definitions; all currencies of the bank have two decimals.
"""

from collections.abc import Iterable
from xml.sax.saxutils import escape

from payouts.rails.simulator.bank import Bank
from payouts.rails.simulator.records import (
    DAY_MS,
    Account,
    Entry,
    Return,
    Transfer,
    date_of,
    iso,
)
from payouts.rails.simulator.statements import balances, transfer_of

# ISO 20022 bank transaction codes: domain PMNT, family, sub-family.
_FAMILIES = {
    "transfer": ("IRCT", "ESCT"),
    "return": ("RRCT", "RRTN"),
    "funding": ("RCDT", "DMCT"),
}


def statement(account: Account, day: int, bank: Bank) -> bytes:
    """Return the camt.053 of a day: opening booked, entries, closing booked."""
    opening, closing = balances(account, day)
    date_text = date_of(day).isoformat()
    entries = account.days.get(day, [])
    now = iso(bank.clock.now_ms())
    parts = [
        _head("camt.053.001.08", "BkToCstmrStmt", f"STMT-{account.id}-{date_text}", now),
        f"<Stmt><Id>{account.id}-{date_text}</Id><CreDtTm>{now}</CreDtTm>",
        f"<FrToDt><FrDtTm>{iso(day * DAY_MS)}</FrDtTm>"
        f"<ToDtTm>{iso((day + 1) * DAY_MS - 1)}</ToDtTm></FrToDt>",
        _account(account),
        _balance("OPBD", opening, account.currency, date_text),
        _balance("CLBD", closing, account.currency, date_text),
        _summary(entries),
    ]
    parts.extend(_entry(entry, entry.amount_minor, account, bank) for entry in entries)
    parts.append("</Stmt></BkToCstmrStmt></Document>")
    return "".join(parts).encode()


def notification(account: Account, entries: list[Entry], bank: Bank) -> bytes:
    """Return a camt.054 of the given entries with the amounts their notifications claim."""
    now_ms = bank.clock.now_ms()
    now = iso(now_ms)
    first = entries[0].seq if entries else 0
    name = f"NTFCTN-{account.id}-{first}-{len(entries)}"
    parts = [
        _head("camt.054.001.08", "BkToCstmrDbtCdtNtfctn", name, now),
        f"<Ntfctn><Id>{name}</Id><CreDtTm>{now}</CreDtTm>",
        _account(account),
    ]
    parts.extend(_entry(entry, entry.noticed_minor, account, bank) for entry in entries)
    parts.append("</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>")
    return "".join(parts).encode()


def _head(message: str, root: str, name: str, now: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{message}"><{root}>'
        f"<GrpHdr><MsgId>{name[:35]}</MsgId><CreDtTm>{now}</CreDtTm></GrpHdr>"
    )


def _account(account: Account) -> str:
    return (
        f"<Acct><Id><Othr><Id>{escape(account.id)}</Id></Othr></Id>"
        f"<Ccy>{account.currency}</Ccy></Acct>"
    )


def _amount(minor: int, currency: str) -> str:
    units, cents = divmod(abs(minor), 100)
    return f'<Amt Ccy="{currency}">{units}.{cents:02d}</Amt>'


def _side(minor: int) -> str:
    return f"<CdtDbtInd>{'DBIT' if minor < 0 else 'CRDT'}</CdtDbtInd>"


def _balance(code: str, minor: int, currency: str, date_text: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(minor, currency)}"
        f"{_side(minor)}<Dt><Dt>{date_text}</Dt></Dt></Bal>"
    )


def _plain(minor: int) -> str:
    units, cents = divmod(abs(minor), 100)
    return f"{units}.{cents:02d}"


def _summary(entries: Iterable[Entry]) -> str:
    amounts = [entry.amount_minor for entry in entries]
    credits_, debits = [a for a in amounts if a >= 0], [a for a in amounts if a < 0]
    net = sum(amounts)
    return (
        f"<TxsSummry><TtlNtries><NbOfNtries>{len(amounts)}</NbOfNtries>"
        f"<Sum>{_plain(sum(credits_) - sum(debits))}</Sum>"
        f"<TtlNetNtry><Amt>{_plain(net)}</Amt>{_side(net)}</TtlNetNtry></TtlNtries>"
        f"<TtlCdtNtries><NbOfNtries>{len(credits_)}</NbOfNtries>"
        f"<Sum>{_plain(sum(credits_))}</Sum></TtlCdtNtries>"
        f"<TtlDbtNtries><NbOfNtries>{len(debits)}</NbOfNtries>"
        f"<Sum>{_plain(sum(debits))}</Sum></TtlDbtNtries></TxsSummry>"
    )


def _entry(entry: Entry, minor: int, account: Account, bank: Bank) -> str:
    transfer, returned = transfer_of(entry, bank)
    family, sub_family = _FAMILIES[entry.kind]
    booked = iso(entry.booked_ms)
    # Val before the details, as in the definition; a return is an entry of its own, not a reversal.
    return (
        f"<Ntry><NtryRef>{entry.seq}</NtryRef>{_amount(minor, account.currency)}{_side(minor)}"
        f"<Sts><Cd>BOOK</Cd></Sts><BookgDt><DtTm>{booked}</DtTm></BookgDt>"
        f"<ValDt><Dt>{booked[:10]}</Dt></ValDt>"
        f"<AcctSvcrRef>{account.id[:20]}-{entry.seq}</AcctSvcrRef>"
        f"<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>{family}</Cd>"
        f"<SubFmlyCd>{sub_family}</SubFmlyCd></Fmly></Domn></BkTxCd>"
        f"{_details(minor, account, transfer, returned, bank)}</Ntry>"
    )


def _details(
    minor: int,
    account: Account,
    transfer: Transfer | None,
    returned: Return | None,
    bank: Bank,
) -> str:
    if transfer is None:
        return ""
    names = bank.names
    remittance = transfer.remittance
    return (
        "<NtryDtls><TxDtls><Refs>"
        f"<EndToEndId>{escape(transfer.end_to_end_id)}</EndToEndId>"
        f"<UETR>{names.uetr_head}{transfer.number:012x}</UETR>"
        f"<TxId>{names.transfer_id(transfer.number)}</TxId></Refs>"
        f"{_amount(minor, account.currency)}{_side(minor)}"
        f"<RltdPties><Cdtr><Pty><Nm>{escape(transfer.creditor_name)}</Nm></Pty></Cdtr>"
        f"<CdtrAcct><Id><Othr><Id>XXXX{escape(transfer.account_last4)}</Id></Othr></Id></CdtrAcct>"
        "</RltdPties>"
        + (f"<RmtInf><Ustrd>{escape(remittance)}</Ustrd></RmtInf>" if remittance else "")
        + (
            f"<RtrInf><Rsn><Cd>{returned.reason_code}</Cd></Rsn></RtrInf>"
            if returned is not None
            else ""
        )
        + "</TxDtls></NtryDtls>"
    )
