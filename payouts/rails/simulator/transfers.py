"""POST /v1/transfers: limits, faults, idempotency, validation, latency, answer - in that order.

A transfer is stored before its latency begins, so a look-up made meanwhile finds it pending and
"not found" always means that nothing was paid.
"""

import hashlib
import math
import time
from email.utils import formatdate

import msgspec

from payouts.rails.simulator.directory import SLOW_ANSWER_S, refusal_code, us_bank
from payouts.rails.simulator.exchange import Exchange
from payouts.rails.simulator.magic import magic_number, plan_for, rejects
from payouts.rails.simulator.orders import Order, OrderError, UsAccount, rail_for
from payouts.rails.simulator.records import PENDING, POSTING_LATER, Transfer, transfer_view
from payouts.rails.simulator.sandbox import Sandbox

KEY_LIMIT = 200
REPLAYED = ((b"Idempotent-Replayed", b"true"),)
Fault = tuple[str | int, bool] | None


class TransferDoor:
    """Takes orders for the bank's books."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._decode = msgspec.json.Decoder(Order).decode
        self._canonical = msgspec.json.Encoder().encode

    def post(self, exchange: Exchange) -> None:
        """Answer one order; 429 leaves no trace of it, nor does any answer of 4xx."""
        sandbox = self._sandbox
        wait_s = sandbox.bucket.take(exchange.arrived_s)
        if wait_s:
            refuse_rate(sandbox, exchange, wait_s)
            return
        limit = sandbox.config.concurrency
        if limit is not None and len(sandbox.in_flight) >= limit:
            refuse_rate(sandbox, exchange, 1.0, "concurrency_limited", "Too many calls in flight.")
            return
        fault = sandbox.faults.draw()
        if fault is not None and not fault[1]:
            misbehave(self._sandbox, exchange, fault[0])
            return
        self._take(exchange, fault)

    def _take(self, exchange: Exchange, fault: Fault) -> None:
        key = exchange.headers.get(b"idempotency-key", b"").decode("latin-1")
        if not 0 < len(key) <= KEY_LIMIT or not (key.isascii() and key.isprintable()):
            exchange.send_error(
                422,
                "idempotency_key_required",
                f"Send an Idempotency-Key of 1 to {KEY_LIMIT} printable ASCII characters.",
            )
            return
        try:
            order = self._decode(exchange.body)
            rail = rail_for(order)
            self._check_debtor(order)
        except msgspec.ValidationError as exc:
            message, pointer = split_pointer(str(exc))
            exchange.send_error(422, "validation_failed", message, pointer=pointer)
            return
        except (msgspec.DecodeError, UnicodeDecodeError):
            exchange.send_error(400, "malformed_json", "The body is not well-formed JSON.")
            return
        except OrderError as exc:
            exchange.send_error(422, exc.code, exc.message, pointer=exc.pointer)
            return
        fingerprint = hashlib.blake2b(self._canonical(order), digest_size=16).digest()
        known = self._sandbox.bank.by_key.get(key)
        if known is not None:
            self._repeat(exchange, known, fingerprint, fault)
        else:
            self._start(exchange, order, rail, key, fingerprint, fault)

    def _check_debtor(self, order: Order) -> None:
        account = self._sandbox.bank.accounts.get(order.debtor_account_id)
        if account is None:
            raise OrderError(
                "unknown_debtor_account", "There is no such account.", "/debtor_account_id"
            )
        if account.currency != order.currency:
            raise OrderError(
                "debtor_currency_mismatch",
                f"{account.id} is in {account.currency}.",
                "/debtor_account_id",
            )

    def _repeat(
        self, exchange: Exchange, known: Transfer, fingerprint: bytes, fault: Fault
    ) -> None:
        names = self._sandbox.bank.names
        if known.fingerprint != fingerprint:
            exchange.send_error(
                409,
                "idempotency_key_reused",
                "This Idempotency-Key came with another body before.",
                resource_id=names.transfer_id(known.number),
            )
        elif not known.decided:
            exchange.send_error(
                409,
                "idempotency_key_in_use",
                "The first request with this Idempotency-Key is still running.",
                ((b"Retry-After", b"1"),),
                resource_id=names.transfer_id(known.number),
            )
        elif fault is not None:
            misbehave(self._sandbox, exchange, fault[0])
        else:
            exchange.send_json(answer_status(known), transfer_view(known, names), REPLAYED)

    def _start(
        self,
        exchange: Exchange,
        order: Order,
        rail: str,
        key: str,
        fingerprint: bytes,
        fault: Fault,
    ) -> None:
        sandbox = self._sandbox
        bank = sandbox.bank
        account = order.creditor.account
        routing_number = account.routing_number if isinstance(account, UsAccount) else None
        refusal = refusal_code(rail, routing_number, order.amount_minor)
        if refusal is not None:
            plan = rejects(refusal)
        else:
            number = magic_number(account.number)
            nth = bank.count_order(order.end_to_end_id) if number == 9 else 1
            plan = plan_for(number, rail=rail, amount_minor=order.amount_minor, nth_transfer=nth)
        if plan.answer == "reset":
            exchange.reset()
            return
        transfer = Transfer(
            bank.next_number(),
            key,
            fingerprint,
            plan,
            rail,
            order.amount_minor,
            order.currency,
            order.debtor_account_id,
            order.creditor.name,
            account.number[-4:],
            order.end_to_end_id,
            order.remittance,
            order.callback_url,
            sandbox.clock.now_ms(),
        )
        bank.accept(transfer)
        delay_s = sandbox.latency_s()
        if routing_number is not None and us_bank(routing_number).slow:
            delay_s += SLOW_ANSWER_S
        sandbox.in_flight.add(exchange)
        if delay_s > 0:
            sandbox.loop.call_later(delay_s, self._end, exchange, transfer, fault)
        else:
            self._end(exchange, transfer, fault)

    def _end(self, exchange: Exchange, transfer: Transfer, fault: Fault) -> None:
        sandbox = self._sandbox
        sandbox.in_flight.discard(exchange)
        bank = sandbox.bank
        if bank.by_key.get(transfer.key) is not transfer:
            exchange.send_error(503, "bank_was_reset", "The sandbox was reset meanwhile.")
            return
        bank.decide(transfer)
        way = fault[0] if fault is not None else transfer.plan.answer
        if way != "normal" or sandbox.config.webhooks.synchronous:
            bank.announce_update(transfer)
        if way == "normal":
            exchange.send_json(answer_status(transfer), transfer_view(transfer, bank.names))
        elif way == "gateway_timeout":
            misbehave(self._sandbox, exchange, 504)
        else:
            misbehave(sandbox, exchange, way, None if fault else sandbox.config.hang_s)


def misbehave(
    sandbox: Sandbox, exchange: Exchange, way: str | int, hang_s: float | None = None
) -> None:
    """Answer with a 5xx (`way` is its status), a TCP reset, or nothing for `hang_s`."""
    if way == "reset":
        exchange.reset()
    elif way == "hang":
        wait_s = sandbox.faults.hang_s if hang_s is None else hang_s
        sandbox.in_flight.add(exchange)

        def give_up() -> None:
            sandbox.in_flight.discard(exchange)
            exchange.drop()

        sandbox.loop.call_later(wait_s, give_up)
    elif isinstance(way, int):
        exchange.send_error(way, *FAULT_TEXTS[way])


FAULT_TEXTS = {
    500: ("internal_error", "The bank failed while working on the request."),
    502: ("bad_gateway", "A bank behind this one gave no proper answer."),
    503: ("unavailable", "The bank is not available; nothing was done."),
    504: ("gateway_timeout", "A bank behind this one did not answer in time."),
}


def answer_status(transfer: Transfer) -> int:
    """Return 202 while the outcome is open, 201 once it is known."""
    return 202 if transfer.status in {PENDING, POSTING_LATER} else 201


def refuse_rate(
    sandbox: Sandbox,
    exchange: Exchange,
    wait_s: float,
    code: str = "rate_limited",
    message: str = "Too many requests.",
) -> None:
    """Answer 429 with Retry-After in the configured form."""
    config = sandbox.config
    told_s = math.ceil(wait_s) if config.retry_after_s is None else config.retry_after_s
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if config.retry_after_form == "seconds":
        headers = ((b"Retry-After", b"%d" % told_s),)
    elif config.retry_after_form == "http_date":
        at_s = math.ceil(time.time() + told_s)
        headers = ((b"Retry-After", formatdate(at_s, usegmt=True).encode()),)
    exchange.send_error(429, code, message, headers, retry_after_s=round(wait_s, 3))


def split_pointer(message: str) -> tuple[str, str]:
    """Split msgspec's "... - at `$.creditor.name`" into the message and an RFC 6901 pointer."""
    text, _, path = message.partition(" - at `$")
    pointer = path.rstrip("`").replace("[", ".").replace("]", "").replace(".", "/")
    return text, pointer
