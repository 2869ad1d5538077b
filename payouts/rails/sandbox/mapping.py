"""The sandbox bank's words in ours: orders out, transfers and errors in. Pure, no network.

Its enums are open: a status we do not know means "they have it, keep asking" and an alarm.
"""

import logging
from datetime import datetime

import msgspec

from payouts.rails import codes, names
from payouts.rails.base import (
    Accepted,
    Blocked,
    Capabilities,
    ConfigError,
    Evidence,
    Order,
    Outcome,
    RateLimited,
    Rejected,
    ReturnHint,
    Settled,
    Unavailable,
    Unknown,
)
from payouts.rails.retry_after import retry_after_s
from payouts.rails.wire import Reply

log = logging.getLogger(__name__)

SCHEMES = (codes.ISO, codes.INSTANT)
DEBTOR_ACCOUNTS = {"EUR": "acct_eur", "USD": "acct_usd", "GBP": "acct_gbp"}

# 422 by these codes is about our set-up, not about the payout: every payout would meet it.
OUR_SETUP = {"unknown_debtor_account", "debtor_currency_mismatch", "idempotency_key_required"}
ACCOUNT_CODES = {"invalid_iban", "invalid_routing_number"}
# 503 by these codes: the bank's contract says that nothing was done.
NOTHING_DONE = {"unavailable", "bank_was_reset"}
ACCOUNT_INVALID = codes.REASONS[codes.ISO, "AC03"]


class Return(msgspec.Struct):
    """One return inside a transfer."""

    id: str
    amount_minor: int
    reason_code: str
    at: datetime


class Transfer(msgspec.Struct):
    """What we read of a transfer; unknown members are ignored."""

    id: str
    status: str
    amount_minor: int
    currency: str
    end_to_end_id: str
    reason_code: str | None = None
    settled_at: datetime | None = None
    returned: list[Return] = []


class Problem(msgspec.Struct):
    """The bank's error body."""

    code: str
    message: str = ""
    resource_id: str | None = None
    retry_after_s: float | None = None


_transfer = msgspec.json.Decoder(Transfer)
_problem = msgspec.json.Decoder(Problem)
_encode = msgspec.json.Encoder().encode


def body_of(order: Order, capabilities: Capabilities, callback_url: str) -> bytes:
    """Return the exact body of `POST /v1/transfers`: the same bytes for equal orders, always."""
    body: dict[str, object] = {
        "rail": order.rail,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "debtor_account_id": DEBTOR_ACCOUNTS.get(order.currency, ""),
        "creditor": {
            "name": names.wire_text(order.recipient_name, capabilities.charset),
            "country": order.recipient_country,
            "account": order.account,
        },
        "end_to_end_id": order.end_to_end_id,
    }
    if order.description:
        text = names.wire_text(order.description, capabilities.charset)
        body["remittance"] = text[: capabilities.remittance_length]
    if callback_url:
        body["callback_url"] = callback_url
    return _encode(body)


def outcome_of_reply(reply: Reply, order: Order) -> Outcome:
    """Return what an answer to `POST /v1/transfers` proves about this order."""
    status = reply.status
    if status in {200, 201, 202}:
        return _outcome_of_success(reply, order)
    problem = read_problem(reply.raw)
    code = problem.code[:40] if problem else ""
    kept: Evidence = {
        "http_status": status,
        "response_hash": reply.digest,
        "bank_status": code,
        "detail": _detail(status, problem),
    }
    if status == 401 or (status == 403 and problem is not None):
        # A 403 in another voice: a filter may dislike this one order, no reason to stop all.
        return ConfigError(**kept)
    if status == 429:
        wait_s = retry_after_s(reply.headers)
        if wait_s is None and problem is not None:
            wait_s = problem.retry_after_s
        return RateLimited(retry_after_s=wait_s, **kept)
    if problem is None:
        # Not the bank's own voice: some box between us, and the bank may have the order.
        return Unknown(**kept)
    if status == 503 and code in NOTHING_DONE:
        return Unavailable(retry_after_s=retry_after_s(reply.headers), **kept)
    if status in {404, 405, 415} or (status == 422 and code in OUR_SETUP):
        return ConfigError(**kept)
    if status in {400, 413, 422, 431}:
        reason = ACCOUNT_INVALID if code in ACCOUNT_CODES else codes.VALIDATION
        return Rejected(reason.canonical, reason.retry_class, **kept)
    if status == 409:
        # The key is taken: the transfer behind it must be looked up, never sent under a new key.
        if code == "idempotency_key_reused":
            log.error("rail.key_reused", extra={"attempt": order.attempt_id, "rail": order.rail})
        kept["bank_reference"] = (problem.resource_id or "")[:64]
    return Unknown(**kept)


def _outcome_of_success(reply: Reply, order: Order) -> Outcome:
    transfer = read_transfer(reply.raw)
    if transfer is None:
        return Unknown(
            http_status=reply.status,
            response_hash=reply.digest,
            detail=f"{reply.status} with an unreadable body",
        )
    return outcome_of_order(transfer, order, http_status=reply.status, response_hash=reply.digest)


def outcome_of_order(
    transfer: Transfer,
    order: Order,
    *,
    http_status: int | None = None,
    response_hash: bytes | None = None,
) -> Outcome:
    """Return the outcome, or Unknown and an alarm if the transfer is not the one we ordered."""
    if (transfer.amount_minor, transfer.currency, transfer.end_to_end_id) != (
        order.amount_minor,
        order.currency,
        order.end_to_end_id,
    ):
        log.critical(
            "rail.answer_mismatch",
            extra={"attempt": order.attempt_id, "rail": order.rail, "bank_reference": transfer.id},
        )
        return Unknown(
            http_status=http_status,
            response_hash=response_hash,
            bank_reference=transfer.id[:64],
            detail="the bank's transfer differs from the order in amount, currency or reference",
        )
    return outcome_of_transfer(
        transfer, rail=order.rail, http_status=http_status, response_hash=response_hash
    )


def outcome_of_transfer(
    transfer: Transfer,
    *,
    rail: str,
    http_status: int | None = None,
    response_hash: bytes | None = None,
) -> Outcome:
    """Return what a transfer's status and reason mean."""
    kept: Evidence = {
        "bank_status": transfer.status[:40],
        "bank_code": (transfer.reason_code or "")[:20],
        "http_status": http_status,
        "response_hash": response_hash,
        "bank_reference": transfer.id[:64],
    }
    match transfer.status:
        case "settled":
            return Settled(settled_at=transfer.settled_at, returned=returns_of(transfer), **kept)
        case "rejected":
            reason = codes.resolve(transfer.reason_code or "", *SCHEMES, source=rail)
            return Rejected(reason.canonical, reason.retry_class, **kept)
        case "pending":
            return Accepted(**kept)
        case "accepted_without_posting":
            return Accepted(money_moved=True, **kept)
        case "blocked":
            return Blocked(**kept)
        case "canceled":
            # By the bank's own staff: it was never paid, and nobody told us why.
            reason = codes.UNSPECIFIED
            return Rejected(reason.canonical, reason.retry_class, **kept)
        case _:
            extra = {"bank_status": transfer.status[:40], "rail": rail}
            log.error("rail.unknown_status", extra=extra)
            return Accepted(**kept)


def returns_of(transfer: Transfer) -> tuple[ReturnHint, ...]:
    """Return all that has come back of a transfer so far."""
    return tuple(
        ReturnHint(
            item.id[:64], item.amount_minor, transfer.currency, item.reason_code[:20], item.at
        )
        for item in transfer.returned
    )


def read_transfer(raw: bytes | None) -> Transfer | None:
    """Return the transfer in a body, None if it is none."""
    try:
        return _transfer.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_problem(raw: bytes | None) -> Problem | None:
    """Return the bank's error in a body, None if it is none."""
    try:
        return _problem.decode(raw) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _detail(status: int, problem: Problem | None) -> str:
    text = f"{problem.code}: {problem.message}" if problem else "without the bank's error body"
    return f"{status} {text}"[:300]
