"""Banks' callbacks: stored raw first, believed later.

A callback is a hint. Its signature is verified before anything of it is read; what it says goes
through the same `settlement.apply` as every other answer, and where it says too little the bank is
asked.
"""

import hashlib
import json
import logging
from collections.abc import Mapping

from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from atlaspay.core.crypto import SealError, seal, unseal
from atlaspay.core.errors import RateLimitedError
from atlaspay.core.ids import new_id
from partners import throttles
from payouts.machine import State
from payouts.models import Attempt, BankCallback
from payouts.pipeline import PROCESS_CALLBACKS
from payouts.rails import base
from payouts.services import banking, settlement, unit
from payouts.services.returns import apply_returns, refuse_returns

log = logging.getLogger(__name__)

CHUNK = 200
# Anybody may post here, and what is stored stays: forged messages are kept as evidence up to this.
FORGED_PER_SECOND = 0.1
FORGED_BURST = 100
_KEPT_HEADERS = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "content-type",
    "user-agent",
)

_STORE = """
INSERT INTO payouts_bankcallback (id, rail, message_id, headers, body_sealed, state, detail, tries)
VALUES (%s, %s, %s, %s::jsonb, %s, 'stored', '', 0) ON CONFLICT (rail, message_id) DO NOTHING
"""


def _place(callback_id: str) -> str:
    return f"payouts_bankcallback|body_sealed|{callback_id}"


def body_digest(row: BankCallback) -> str:
    """Return the SHA-256 of a message's body as it came, empty where its key is gone."""
    try:
        return hashlib.sha256(unseal(row.body_sealed, place=_place(row.id))).hexdigest()
    except SealError:
        return ""


def store(rail: str, headers: Mapping[str, str], raw: bytes) -> bool:
    """Store a message as it came; return False if the very same one is stored already.

    The key is the hash of the whole message (id, signature, body), so that a forged message can
    never take the place of a true one that carries the same id. Raises RateLimitedError for
    messages without a valid signature, where they come in numbers: an honest bank sends again.
    """
    if not _is_signed(rail, headers, raw):
        budget = throttles.take(
            f"callbacks:{rail}:forged", rate=FORGED_PER_SECOND, burst=FORGED_BURST
        )
        if not budget.allowed:
            log.warning("callback.dropped", extra={"rail": rail, "bytes": len(raw)})
            raise RateLimitedError("Too many messages whose signature does not hold.")
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    digest = hashlib.sha256(raw)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        digest.update(b"\0" + kept.get(name, "").encode())
    callback_id = new_id("cb")
    with unit.open(reason="bank called") as work, connection.cursor() as cursor:
        cursor.execute(
            _STORE,
            [
                callback_id,
                rail,
                digest.hexdigest(),
                json.dumps(kept),
                seal(raw, place=_place(callback_id)),
            ],
        )
        is_new = bool(cursor.rowcount)
        work.nudge(PROCESS_CALLBACKS)
    return is_new


def _is_signed(rail: str, headers: Mapping[str, str], raw: bytes) -> bool:
    try:
        banking.rails().of_provider(rail)[0].parse_callback(headers, raw)
    except base.BadSignatureError:
        return False
    except base.UnreadableMessageError:
        return True
    return True


def process(*, limit: int = CHUNK) -> int:
    """Believe what is signed, once: apply stored messages, oldest first; return how many were
    looked at.

    Where one of them cannot be written, each is applied by itself, and that one ends as broken with
    an alarm: it must not keep the others waiting.
    """
    waiting = BankCallback.objects.filter(state=BankCallback.State.STORED).order_by("id")
    try:
        return _process(waiting, limit)
    except OperationalError:
        raise
    except settlement.UNFIT:
        log.exception("callback.set_refused")
    ids = list(waiting.values_list("id", flat=True)[:limit])
    for callback_id in ids:
        try:
            _process(waiting.filter(id=callback_id), 1)
        except OperationalError:
            raise
        except settlement.UNFIT as error:
            log.critical("callback.unfit", exc_info=True, extra={"callback": callback_id})
            waiting.filter(id=callback_id).update(
                state=BankCallback.State.BROKEN,
                detail=f"could not be applied: {type(error).__name__}",
                processed_at=Now(),
            )
    return len(ids)


def _process(waiting: QuerySet[BankCallback], limit: int) -> int:
    with unit.open(reason="bank called") as work:
        rows = list(waiting.select_for_update(skip_locked=True)[:limit])
        if not rows:
            return 0
        hints = {row.id: _read(row) for row in rows}
        wanted = {hint.end_to_end_id for found in hints.values() for hint in found}
        attempts = {
            (a.rail, a.end_to_end_id): a
            for a in Attempt.objects.filter(end_to_end_id__in=wanted).select_related("payout")
        }
        # All at once and before any ledger row, as everybody who moves payouts locks them.
        work.lock(attempt.payout_id for attempt in attempts.values())
        answers: dict[str, settlement.Answer] = {}
        returned: dict[str, tuple[base.ReturnHint, ...]] = {}
        ask: set[str] = set()
        for row in rows:
            if row.state == BankCallback.State.STORED and not hints[row.id]:
                row.state = BankCallback.State.IGNORED
                row.detail = "a kind of message that tells nothing here"
            for hint in hints[row.id]:
                attempt = _attempt_of(row, hint, attempts)
                if attempt is None:
                    row.state = BankCallback.State.UNMATCHED
                    log.error("callback.unmatched", extra={"callback": row.id, "rail": row.rail})
                    continue
                row.attempt = attempt
                if not _fits(row, hint, attempt):
                    ask.add(attempt.payout_id)
                    continue
                if hint.outcome is not None:
                    answers[f"{row.id}:{attempt.id}"] = settlement.Answer(
                        attempt.payout_id, attempt.id, hint.outcome
                    )
                elif not hint.returns:
                    ask.add(attempt.payout_id)
                if hint.returns:
                    returned[attempt.id] = returned.get(attempt.id, ()) + hint.returns
            row.processed_at = work.now
        settlement.apply(list(answers.values()), reason="bank called")
        _book(returned, ask)
        BankCallback.objects.bulk_update(rows, ["state", "attempt", "detail", "processed_at"])
        _ask_soon(ask)
        return len(rows)


def _book(returned: Mapping[str, tuple[base.ReturnHint, ...]], ask: set[str]) -> None:
    """Book returns, by attempt, of the one that settled its payout; one that overtook its
    settlement makes us ask instead.
    """
    settled: dict[str, tuple[base.ReturnHint, ...]] = {}
    for attempt in Attempt.objects.filter(id__in=returned).select_related("payout"):
        hints = returned[attempt.id]
        if attempt.state in (Attempt.State.REJECTED, Attempt.State.NOT_SENT):
            refuse_returns(attempt, hints)
        elif attempt.state == Attempt.State.SETTLED and attempt.payout.state == State.SETTLED:
            settled[attempt.payout_id] = hints
        else:
            ask.add(attempt.payout_id)
    apply_returns(settled, reason="bank returned")


def _fits(row: BankCallback, hint: base.Hint, attempt: Attempt) -> bool:
    """Say whether the message speaks of the transfer we know and the money we sent; if not it is
    believed in nothing.
    """
    payout = attempt.payout
    said = (hint.amount_minor, hint.currency)
    row.state = BankCallback.State.IGNORED
    if hint.bank_reference and attempt.bank_reference not in ("", hint.bank_reference):
        # What became of another transfer, made for the same order, says nothing of this one.
        row.detail = f"of {hint.bank_reference}, we know {attempt.bank_reference}"[:300]
        log.critical("callback.transfer_differs", extra={"callback": row.id, "payout": payout.id})
        return False
    if said in ((None, ""), (payout.amount_minor, payout.currency)):
        row.state = BankCallback.State.APPLIED
        return True
    row.detail = f"the bank says {said[0]} {said[1]}, we sent {payout.amount_minor}"[:300]
    log.error("callback.amount_differs", extra={"callback": row.id, "payout": payout.id})
    return False


def _ask_soon(payout_ids: set[str]) -> None:
    if not payout_ids:
        return
    with unit.open(reason="bank called") as work:
        for payout in work.lock(payout_ids):
            if payout.state in (State.SENDING, State.SENT) and payout.leased_until is None:
                payout.due_at = work.now
                work.change(payout)


def _read(row: BankCallback) -> list[base.Hint]:
    try:
        raw = unseal(row.body_sealed, place=_place(row.id))
        return (
            banking.rails()
            .of_provider(row.rail)[0]
            .parse_callback(row.headers, raw, received_at=row.received_at)
        )
    except base.BadSignatureError as error:
        row.state = BankCallback.State.REFUSED
        row.detail = str(error)[:300]
        log.warning("callback.refused", extra={"callback": row.id, "rail": row.rail})
    except (base.UnreadableMessageError, SealError) as error:
        row.state = BankCallback.State.BROKEN
        row.detail = str(error)[:300]
        log.exception("callback.broken", extra={"callback": row.id, "rail": row.rail})
    return []


def _attempt_of(
    row: BankCallback, hint: base.Hint, attempts: Mapping[tuple[str, str], Attempt]
) -> Attempt | None:
    names = [rail.name for rail in banking.rails().of_provider(row.rail)]
    return next(
        (attempts[n, hint.end_to_end_id] for n in names if (n, hint.end_to_end_id) in attempts),
        None,
    )
