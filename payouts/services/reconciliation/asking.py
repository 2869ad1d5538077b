"""Where the bank booked more than we know: ask it, so that its answer settles, returns or refuses
in the usual way. An entry alone moves nothing.

Each entry makes us ask once, and once an hour while it stays open.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from payouts.machine import State
from payouts.models import Attempt, BankEntry
from payouts.rails import base
from payouts.services import banking, operator, settlement
from payouts.services.dispatch import order_of

CHUNK = 200
THREADS = 8
ASK_AGAIN = timedelta(hours=1)
_ALIVE = [Attempt.State.UNKNOWN, Attempt.State.ACCEPTED]


def ask(provider: str, progress: Callable[[str, int], None]) -> int:
    """Ask about every payout whose entries say more than we know; return how many entries."""
    asked = 0
    while entries := _due(provider):
        debits = [entry for entry in entries if entry.amount_minor < 0]
        _wake([entry for entry in debits if _attempt(entry).state in _ALIVE])
        _take_back([e for e in debits if _attempt(e).state == Attempt.State.NOT_SENT])
        _look_up([entry for entry in entries if entry.amount_minor > 0])
        BankEntry.objects.filter(id__in=[e.id for e in entries]).update(asked_at=Now())
        asked += len(entries)
        progress("asked", len(entries))
    return asked


def _due(provider: str) -> list[BankEntry]:
    moved_unsettled = Q(amount_minor__lt=0, attempt__state__in=[*_ALIVE, Attempt.State.NOT_SENT])
    unknown_return = Q(amount_minor__gt=0, returned=None)
    return list(
        BankEntry.objects.filter(moved_unsettled | unknown_return, provider=provider, is_open=True)
        .exclude(attempt=None)
        .filter(Q(asked_at=None) | Q(asked_at__lt=Now() - ASK_AGAIN))
        .select_related("attempt__payout")
        .order_by("id")[:CHUNK]
    )


def _attempt(entry: BankEntry) -> Attempt:
    assert entry.attempt is not None  # noqa: S101 - the query leaves out entries without one
    return entry.attempt


def _wake(entries: Sequence[BankEntry]) -> None:
    """Money left for a payout that is not final here: let the inquiry have it at once."""
    if entries:
        operator.ask_now([_attempt(entry).payout_id for entry in entries])


def _take_back(entries: Sequence[BankEntry]) -> None:
    """Money left under a key we took for never sent, and would send again: that payout goes from
    the queue to the inquiry.
    """
    answers = [
        settlement.Answer(
            _attempt(entry).payout_id,
            _attempt(entry).id,
            base.Accepted(
                bank_status="booked",
                detail=f"entry {entry.reference} shows that the bank took it"[:300],
            ),
        )
        for entry in entries
        if _attempt(entry).payout.state == State.QUEUED
    ]
    settlement.apply(answers, reason="the bank booked it")


def _look_up(entries: Sequence[BankEntry]) -> None:
    """Money came back that we do not know: an entry carries no reason code, the transfer does."""
    attempts = {_attempt(entry).id: _attempt(entry) for entry in entries}
    if not attempts:
        return
    orders = {key: order_of(attempt.payout, attempt) for key, attempt in attempts.items()}
    with ThreadPoolExecutor(THREADS, thread_name_prefix="reconcile") as pool:
        outcomes = list(
            pool.map(
                lambda key: banking.rail(attempts[key].rail).lookup(orders[key]), sorted(attempts)
            )
        )
    answers = [
        settlement.Answer(attempts[key].payout_id, key, outcome)
        for key, outcome in zip(sorted(attempts), outcomes, strict=True)
        if isinstance(outcome, base.Settled)
    ]
    settlement.apply(answers, reason="entry of a return")
