"""The operator's side of the sandbox, `/_sim/`: no real bank has it.

Open on a loopback address; a bank that listens elsewhere asks for the API key here too.
"""

import hmac
from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from payouts.rails.simulator.audit import audit
from payouts.rails.simulator.bank import BankError
from payouts.rails.simulator.config import Config, Outage
from payouts.rails.simulator.exchange import Exchange
from payouts.rails.simulator.queries import QueryError, not_found, number, parameters
from payouts.rails.simulator.records import iso, transfer_view
from payouts.rails.simulator.sandbox import Sandbox
from payouts.rails.simulator.transfers import split_pointer

DAY_S = 86_400
Code = Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,8}\Z")]


class Advance(msgspec.Struct, forbid_unknown_fields=True):
    """How far the clock jumps; the given parts add up, at most 400 days."""

    seconds: Annotated[float, Meta(ge=0)] = 0
    days: Annotated[float, Meta(ge=0)] = 0


class Reset(msgspec.Struct, forbid_unknown_fields=True):
    keep_config: bool = False


class Fund(msgspec.Struct, forbid_unknown_fields=True):
    """Credit (or, negative, debit) an account; `currency` opens it if it is new."""

    account_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]{1,19}\Z")]
    amount_minor: Annotated[int, Meta(ge=-(10**15), le=10**15)]
    currency: Literal["EUR", "USD", "GBP"] | None = None


class Resolve(msgspec.Struct, forbid_unknown_fields=True):
    status: Literal["settled", "rejected", "blocked"]
    reason_code: Code | None = None


class GiveBack(msgspec.Struct, forbid_unknown_fields=True):
    """A return; without an amount all that is left."""

    amount_minor: Annotated[int, Meta(gt=0)] | None = None
    reason_code: Code = "AC04"


class ControlPlane:
    """Routes a call of the control plane and answers it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._bearer = b"Bearer " + sandbox.options.api_key.encode()

    def handle(self, exchange: Exchange) -> None:
        if self._sandbox.options.control_needs_key and not hmac.compare_digest(
            exchange.headers.get(b"authorization", b""), self._bearer
        ):
            exchange.send_error(401, "unauthorized", "Send the API key as a bearer token.")
            return
        calls = self._calls(exchange.path.split("/")[2:])
        call = calls.get(exchange.method)
        if not calls:
            not_found(exchange)
            return
        if call is None:
            allow = ", ".join(calls)
            exchange.send_error(
                405, "method_not_allowed", f"Use {allow}.", ((b"Allow", allow.encode()),)
            )
            return
        try:
            call(exchange)
        except msgspec.ValidationError as exc:
            message, pointer = split_pointer(str(exc))
            exchange.send_error(422, "validation_failed", message, pointer=pointer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            exchange.send_error(400, "malformed_json", "The body is not well-formed JSON.")
        except QueryError as exc:
            exchange.send_error(422, "validation_failed", str(exc))
        except BankError as exc:
            exchange.send_error(409, exc.code, exc.message)

    def _calls(self, path: list[str]) -> dict[str, Callable[[Exchange], None]]:
        match path:
            case ["config"]:
                return {
                    "GET": self._show_config,
                    "PUT": self._put_config,
                    "PATCH": self._patch_config,
                }
            case ["outage"]:
                return {"POST": self._outage}
            case ["clock"]:
                return {"GET": self._clock}
            case ["clock", "advance"]:
                return {"POST": self._advance}
            case ["reset"]:
                return {"POST": self._reset}
            case ["fund"]:
                return {"POST": self._fund}
            case ["requests"]:
                return {"GET": self._requests}
            case ["audit"]:
                return {"GET": self._audit}
            case ["callbacks"]:
                return {"GET": self._callbacks}
            case ["transfers", name, "resolve"]:
                return {"POST": lambda exchange: self._resolve(exchange, name)}
            case ["transfers", name, "return"]:
                return {"POST": lambda exchange: self._return(exchange, name)}
        return {}

    # Config.

    def _show_config(self, exchange: Exchange) -> None:
        exchange.send_json(200, self._sandbox.config)

    def _put_config(self, exchange: Exchange) -> None:
        """Replace the config: what the body leaves out goes back to its default."""
        config = msgspec.json.decode(exchange.body or b"{}", type=Config)
        if "url" not in _webhooks_of(exchange.body):
            config.webhooks.url = self._sandbox.options.webhook_url
        self._sandbox.configure(config)
        exchange.send_json(200, self._sandbox.config)

    def _patch_config(self, exchange: Exchange) -> None:
        """Merge the body into the config (RFC 7396, but null means the value null)."""
        current = msgspec.to_builtins(self._sandbox.config)
        changes = msgspec.json.decode(exchange.body or b"{}", type=dict[str, Any])
        for name, value in changes.items():
            inner = current.get(name)
            if name in {"faults", "webhooks"} and isinstance(value, dict):
                current[name] = {**inner, **value}
            else:
                current[name] = value
        self._sandbox.configure(msgspec.convert(current, Config))
        exchange.send_json(200, self._sandbox.config)

    def _outage(self, exchange: Exchange) -> None:
        outage = msgspec.json.decode(exchange.body, type=Outage)
        self._sandbox.begin_outage(outage)
        exchange.send_json(200, outage)

    # Clock and books.

    def _clock(self, exchange: Exchange) -> None:
        clock = self._sandbox.clock
        exchange.send_json(200, {"now": iso(clock.now_ms()), "offset_ms": clock.offset_ms})

    def _advance(self, exchange: Exchange) -> None:
        jump = msgspec.json.decode(exchange.body, type=Advance)
        by_s = jump.seconds + jump.days * DAY_S
        if not 0 < by_s <= 400 * DAY_S:
            exchange.send_error(
                422, "validation_failed", "Advance by more than nothing and at most 400 days."
            )
            return
        ran = self._sandbox.bank.advance_clock(int(by_s * 1000))
        clock = self._sandbox.clock
        exchange.send_json(
            200, {"now": iso(clock.now_ms()), "offset_ms": clock.offset_ms, "timers_run": ran}
        )

    def _reset(self, exchange: Exchange) -> None:
        wish = msgspec.json.decode(exchange.body or b"{}", type=Reset)
        self._sandbox.reset(keep_config=wish.keep_config)
        exchange.send_json(200, {"status": "ok"})

    def _fund(self, exchange: Exchange) -> None:
        fund = msgspec.json.decode(exchange.body, type=Fund)
        account = self._sandbox.bank.fund(fund.account_id, fund.amount_minor, fund.currency)
        exchange.send_json(200, account.view())

    def _resolve(self, exchange: Exchange, name: str) -> None:
        bank = self._sandbox.bank
        wish = msgspec.json.decode(exchange.body, type=Resolve)
        transfer = bank.find(name)
        if transfer is None:
            not_found(exchange)
            return
        bank.resolve(transfer, wish.status, wish.reason_code)
        exchange.send_json(200, transfer_view(transfer, bank.names))

    def _return(self, exchange: Exchange, name: str) -> None:
        bank = self._sandbox.bank
        wish = msgspec.json.decode(exchange.body or b"{}", type=GiveBack)
        transfer = bank.find(name)
        if transfer is None:
            not_found(exchange)
            return
        if bank.give_back(transfer, wish.amount_minor, wish.reason_code, "operator") is None:
            raise BankError("not_returnable", "The whole amount has been returned already.")
        exchange.send_json(200, transfer_view(transfer, bank.names))

    # Evidence.

    def _requests(self, exchange: Exchange) -> None:
        """The newest first: when, method, path, key, result, milliseconds."""
        query = parameters(exchange, {"limit"})
        limit = number(query, "limit", 100, 100_000)
        sandbox = self._sandbox
        lines = [
            {
                "at": iso(int(line.at_s * 1000)),
                "method": line.method,
                "path": line.path,
                "idempotency_key": line.key,
                "status": line.result,
                "took_ms": line.took_ms,
            }
            for line in islice(reversed(sandbox.requests), limit)
        ]
        exchange.send_json(200, {"data": lines, "total": sandbox.requests_total})

    def _audit(self, exchange: Exchange) -> None:
        exchange.send_json(200, audit(self._sandbox.bank))

    def _callbacks(self, exchange: Exchange) -> None:
        courier = self._sandbox.courier
        exchange.send_json(200, {"waiting": courier.waiting, **courier.counts})


def _webhooks_of(body: bytes) -> dict[str, Any]:
    value = msgspec.json.decode(body or b"{}", type=dict[str, Any]).get("webhooks")
    return value if isinstance(value, dict) else {}
