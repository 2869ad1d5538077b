"""The bank's public API, `/v1/`: who may call, which call it is, and everything but new orders."""

import hmac
from collections.abc import Callable

import msgspec

from payouts.rails.simulator.accounts import AccountDoor
from payouts.rails.simulator.bank import BankError
from payouts.rails.simulator.directory import describe
from payouts.rails.simulator.exchange import Exchange
from payouts.rails.simulator.magic import magic_number
from payouts.rails.simulator.orders import (
    Iban,
    Name,
    OrderError,
    UkAccount,
    UsAccount,
    check_account,
)
from payouts.rails.simulator.queries import (
    LONGEST_PAGE,
    PAGE,
    QueryError,
    not_found,
    number,
    parameters,
)
from payouts.rails.simulator.records import STATUSES, Transfer, transfer_view
from payouts.rails.simulator.sandbox import Sandbox
from payouts.rails.simulator.transfers import (
    TransferDoor,
    misbehave,
    refuse_rate,
    split_pointer,
)


class PayeeCheck(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /v1/payee-verifications."""

    name: Name
    account: Iban | UsAccount | UkAccount


class DataPlane:
    """Routes a call of the data plane and answers it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._bearer = b"Bearer " + sandbox.options.api_key.encode()
        self._transfers = TransferDoor(sandbox)
        self._accounts = AccountDoor(sandbox)
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
                calls = {"GET": lambda: self._accounts.list_all(exchange)}
            case ["accounts", name, *rest]:
                calls = {"GET": lambda: self._accounts.route(exchange, name, rest)}
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
