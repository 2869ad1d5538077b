"""The bank's public API, `/v1/`: who may call, which call it is, and everything but new orders."""

import hmac
from collections.abc import Callable
from datetime import date
from urllib.parse import parse_qsl

import msgspec

from payouts.rails.simulator import camt
from payouts.rails.simulator.bank import BankError
from payouts.rails.simulator.directory import describe
from payouts.rails.simulator.http import XML, Exchange
from payouts.rails.simulator.magic import magic_number
from payouts.rails.simulator.orders import Iban, Name, OrderError, UkAccount, UsAccount
from payouts.rails.simulator.orders import check_account
from payouts.rails.simulator.records import STATUSES, Account, Transfer, day_from, transfer_view
from payouts.rails.simulator.sandbox import Sandbox
from payouts.rails.simulator.statements import entry_view, statement_view
from payouts.rails.simulator.transfers import (
    TransferDoor,
    misbehave,
    refuse_rate,
    split_pointer,
)

PAGE = 100
LONGEST_PAGE = 1000


class PayeeCheck(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/payee-verifications."""

    name: Name
    account: Iban | UsAccount | UkAccount


class QueryError(Exception):
    """A query parameter is wrong."""


class DataPlane:
    """Routes a call of the data plane and answers it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._bearer = b"Bearer " + sandbox.options.api_key.encode()
        self._transfers = TransferDoor(sandbox)
        self._payee_check = msgspec.json.Decoder(PayeeCheck)

    def handle(self, exchange: Exchange) -> None:
        sandbox = self._sandbox
        mode = sandbox.outage_mode()
        if mode is not None:
            misbehave(sandbox, exchange, 503 if mode == "error" else mode)
            return
        if not hmac.compare_digest(exchange.headers.get(b"authorization", b""), self._bearer):
            exchange.send_error(
                401,
                "unauthorized",
                "Send the API key as a bearer token.",
                ((b"WWW-Authenticate", b"Bearer"),),
            )
            return
        if exchange.path == "/v1/transfers" and exchange.method == "POST":
            self._transfers.post(exchange)
            return
        wait_s = sandbox.lookup_bucket.take(exchange.arrived_s)
        if wait_s:
            refuse_rate(sandbox, exchange, wait_s)
            return
        if sandbox.faults.lookups:
            fault = sandbox.faults.draw()
            if fault is not None:
                misbehave(sandbox, exchange, fault[0])
                return
        delay_s = sandbox.lookup_latency_s()
        if delay_s > 0:
            sandbox.loop.call_later(delay_s, self._route, exchange)
        else:
            self._route(exchange)

    def _route(self, exchange: Exchange) -> None:
        calls: dict[str, Callable[[], None]] = {}
        match exchange.path.split("/")[2:]:
            case ["transfers"]:
                calls = {"GET": lambda: self._list(exchange)}
            case ["transfers", name]:
                calls = {"GET": lambda: self._with_transfer(exchange, name, "show")}
            case ["transfers", name, ("cancel" | "recall") as verb]:
                calls = {"POST": lambda: self._with_transfer(exchange, name, verb)}
            case ["accounts"]:
                calls = {"GET": lambda: self._accounts(exchange)}
            case ["accounts", name, *rest]:
                calls = {"GET": lambda: self._account(exchange, name, rest)}
            case ["directory", rail, participant]:
                calls = {"GET": lambda: self._directory(exchange, rail, participant)}
            case ["payee-verifications"]:
                calls = {"POST": lambda: self._verify_payee(exchange)}
        if not calls:
            not_found(exchange)
        elif exchange.method not in calls:
            allow = ", ".join(calls) + (", POST" if exchange.path == "/v1/transfers" else "")
            exchange.send_error(
                405, "method_not_allowed", f"Use {allow}.", ((b"Allow", allow.encode()),)
            )
        else:
            try:
                calls[exchange.method]()
            except QueryError as exc:
                exchange.send_error(422, "validation_failed", str(exc))
            except BankError as exc:
                exchange.send_error(409, exc.code, exc.message)

    # Transfers.

    def _with_transfer(self, exchange: Exchange, name: str, verb: str) -> None:
        bank = self._sandbox.bank
        transfer = bank.find(name)
        if transfer is None:
            not_found(exchange)
            return
        if verb == "cancel":
            bank.cancel(transfer)
        elif verb == "recall":
            bank.recall(transfer)
        exchange.send_json(202 if verb == "recall" else 200, transfer_view(transfer, bank.names))

    def _list(self, exchange: Exchange) -> None:
        bank = self._sandbox.bank
        query = parameters(
            exchange, {"idempotency_key", "end_to_end_id", "status", "cursor", "limit"}
        )
        status = query.get("status")
        if status is not None and status not in STATUSES:
            raise QueryError(f"status is one of {', '.join(STATUSES)}.")
        after = number(query, "cursor", 0, 10**12)
        limit = number(query, "limit", PAGE, LONGEST_PAGE) or PAGE
        found: list[Transfer] = []
        more = False
        for transfer in self._candidates(query, after):
            if status in (None, transfer.status):
                if len(found) == limit:
                    more = True
                    break
                found.append(transfer)
        exchange.send_json(
            200,
            {
                "data": [transfer_view(item, bank.names) for item in found],
                "next_cursor": str(found[-1].number) if more else None,
            },
        )

    def _candidates(self, query: dict[str, str], after: int) -> list[Transfer]:
        bank = self._sandbox.bank
        key, end_to_end_id = query.get("idempotency_key"), query.get("end_to_end_id")
        if key is not None:
            one = bank.by_key.get(key)
            found = [] if one is None else [one]
        elif end_to_end_id is not None:
            known = bank.by_end_to_end_id.get(end_to_end_id, [])
            found = known if isinstance(known, list) else [known]
        else:
            return bank.transfers[after:]
        return [
            item
            for item in found
            if item.number > after and end_to_end_id in (None, item.end_to_end_id)
        ]

    # Accounts.

    def _accounts(self, exchange: Exchange) -> None:
        accounts = self._sandbox.bank.accounts.values()
        exchange.send_json(200, {"data": [account.view() for account in accounts]})

    def _account(self, exchange: Exchange, name: str, rest: list[str]) -> None:
        account = self._sandbox.bank.accounts.get(name)
        if account is None:
            not_found(exchange)
            return
        match rest:
            case []:
                exchange.send_json(200, account.view())
            case ["entries"]:
                self._entries(exchange, account)
            case ["notifications"]:
                self._notifications(exchange, account)
            case ["statements", day]:
                self._statement(exchange, account, day)
            case _:
                not_found(exchange)

    def _page(self, exchange: Exchange, account: Account) -> tuple[int, int]:
        query = parameters(exchange, {"after_seq", "limit"})
        after = number(query, "after_seq", 0, 10**12)
        return after, number(query, "limit", PAGE, LONGEST_PAGE) or PAGE

    def _entries(self, exchange: Exchange, account: Account) -> None:
        after, limit = self._page(exchange, account)
        bank = self._sandbox.bank
        entries = account.entries[after : after + limit]
        exchange.send_json(
            200,
            {
                "account_id": account.id,
                "data": [entry_view(item, account, bank) for item in entries],
                "last_seq": entries[-1].seq if entries else after,
                "has_more": after + len(entries) < len(account.entries),
            },
        )

    def _notifications(self, exchange: Exchange, account: Account) -> None:
        after, limit = self._page(exchange, account)
        bank = self._sandbox.bank
        entries = account.entries[after : after + limit]
        if wants_xml(exchange):
            document = camt.notification(account, entries, bank)
            exchange.send(200, document, XML)
            return
        exchange.send_json(
            200,
            {
                "account_id": account.id,
                "data": [entry_view(item, account, bank, noticed=True) for item in entries],
                "last_seq": entries[-1].seq if entries else after,
                "has_more": after + len(entries) < len(account.entries),
            },
        )

    def _statement(self, exchange: Exchange, account: Account, text: str) -> None:
        try:
            day = day_from(date.fromisoformat(text))
        except ValueError:
            exchange.send_error(422, "validation_failed", "The date is not YYYY-MM-DD.")
            return
        bank = self._sandbox.bank
        if wants_xml(exchange):
            exchange.send(200, camt.statement(account, day, bank), XML)
        else:
            exchange.send_json(200, statement_view(account, day, bank))

    # Directory.

    def _directory(self, exchange: Exchange, rail: str, participant: str) -> None:
        entry = describe(rail, participant)
        if entry is None:
            not_found(exchange)
        else:
            exchange.send_json(200, entry)

    def _verify_payee(self, exchange: Exchange) -> None:
        try:
            check = self._payee_check.decode(exchange.body)
            check_account(check.account)
        except msgspec.ValidationError as exc:
            message, pointer = split_pointer(str(exc))
            exchange.send_error(422, "validation_failed", message, pointer=pointer)
            return
        except (msgspec.DecodeError, UnicodeDecodeError):
            exchange.send_error(400, "malformed_json", "The body is not well-formed JSON.")
            return
        except OrderError as exc:
            pointer = exc.pointer.removeprefix("/creditor")
            exchange.send_error(422, exc.code, exc.message, pointer=pointer)
            return
        matches = magic_number(check.account.number) != 22
        exchange.send_json(200, {"result": "match" if matches else "no_match"})


def not_found(exchange: Exchange) -> None:
    exchange.send_error(404, "not_found", "There is no such resource.")


def wants_xml(exchange: Exchange) -> bool:
    return b"xml" in exchange.headers.get(b"accept", b"").lower()


def parameters(exchange: Exchange, known: set[str]) -> dict[str, str]:
    """Return the query's parameters; QueryError if one is unknown or comes twice."""
    pairs = parse_qsl(exchange.query.decode("latin-1"), keep_blank_values=True)
    query = dict(pairs)
    unknown = set(query) - known
    if unknown or len(query) != len(pairs):
        raise QueryError(f"Each of {', '.join(sorted(known))} may be given once, no other.")
    return query


def number(query: dict[str, str], name: str, default: int, most: int) -> int:
    """Return a whole number from the query, at most `most`; QueryError if it is none."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 15 or int(text) > most:
        raise QueryError(f"{name} is a whole number from 0 to {most}.")
    return int(text)
