"""The delivery loop of one task: claim, send and record overlap until nothing is due.

When the time slice ends, endpoints that fail get no new calls; healthy ones go on being served
while the last slow calls run out. What waits for an endpoint that does not answer is left out of
every reckoning (`flight`), so that the others are served as if it were not there.
"""

import logging
import queue
import time
from dataclasses import dataclass

from django.db.utils import OperationalError

from atlaspay.core import nudge
from webhooks.delivery import claim, upkeep
from webhooks.delivery.claim import Target
from webhooks.delivery.flight import Flight
from webhooks.delivery.lanes import ALONE_WINDOW, Lanes
from webhooks.delivery.record import record
from webhooks.delivery.result import Outcome, Result
from webhooks.delivery.sender import Sender
from webhooks.outbox import DELIVER_TASK
from webhooks.signing_keys import current as signing_key

log = logging.getLogger(__name__)

SLICE_S = 5.0
HARD_STOP_S = 25.0  # no claim of any kind after this; the task's limit is 60
CAPACITY = 1_500  # claimed and not yet recorded
FLUSH_MAX = 500
FLUSH_WAIT_S = 0.02
CLAIM_EVERY_S = 0.05  # while an earlier claim is still being sent
# While nothing moves: until nudges are sent again, or calls that hang have ended.
LINGER_EVERY_S = 0.025
UNLOAD_EVERY_S = 0.5
# With so many deliveries waiting for endpoints that hang, one that has not answered yet gets a
# single call at a time: connections are kept for those that do.
HANGING_MAX = 300
TIDY_EVERY_S = 10.0
WRITE_TRIES = 3

_tidied_at = float("-inf")


@dataclass(slots=True)
class Summary:
    """What a run did; `has_more` says that the slice ended with deliveries still due."""

    claimed: int = 0
    delivered: int = 0
    failed: int = 0
    unsent: int = 0
    canceled: int = 0
    has_more: bool = False


def run_deliveries(budget_s: float = SLICE_S) -> Summary:
    """Deliver what is due until nothing is or the time slice ends. Any number may run at once.

    Call it outside any transaction. A crash at any point loses nothing: what was claimed is due
    again when its lease ends.
    """
    run = _Run(budget_s)
    try:
        return run.go()
    finally:
        run.sender.stop()
        run.lanes.release()


class _Run:
    def __init__(self, budget_s: float) -> None:
        self.summary = Summary()
        self.sender = Sender(signing_key()[1])
        self.lanes = Lanes()
        self.targets: dict[str, Target] = {}
        self.flight = Flight()
        self.started = time.monotonic()
        self.slice_end = self.started + budget_s
        # What was emitted since the nudge that began this run has sent none of its own.
        self.linger_until = self.started + nudge.window_left_s(DELIVER_TASK)
        self.looked_at = float("-inf")
        self.next_claim_at = 0.0
        self.next_unload_at = 0.0
        self.hanging = 0  # of those under way
        self.last_claim = 0
        self.is_over = False

    def go(self) -> Summary:
        self.summary.canceled = _tidy()
        while True:
            found = self._may_claim() and self._claim()
            if not found and not self.flight:
                if self.is_over or self.looked_at >= self.linger_until:
                    break
                time.sleep(LINGER_EVERY_S)
                continue
            self.lanes.renew()
            self._unload()
            self._record(self._collect())
        self.summary.has_more = self.is_over and bool(claim.due_targets())
        if self.summary.claimed:
            log.info(
                "webhook.run",
                extra={
                    "claimed": self.summary.claimed,
                    "delivered": self.summary.delivered,
                    "failed": self.summary.failed,
                    "unsent": self.summary.unsent,
                    "duration_ms": round((time.monotonic() - self.started) * 1000),
                },
            )
        return self.summary

    def _may_claim(self) -> bool:
        now = time.monotonic()
        self.hanging = self.flight.hanging(now)
        if not self.is_over and now >= self.slice_end:
            self.is_over = True
            self.sender.rest_slow_lanes()
            # What this run will not claim for again, another worker may.
            self.lanes.release(keep=self.flight.busy())
        if self.is_over and (not self.hanging or now - self.started > HARD_STOP_S):
            return False
        moving = len(self.flight) - self.hanging
        if not moving and now >= self.looked_at + LINGER_EVERY_S:
            return True
        has_run_down = moving <= self.last_claim // 2 and self.last_claim > 0
        has_room = moving <= CAPACITY - FLUSH_MAX
        return has_run_down or (has_room and now >= self.next_claim_at)

    def _claim(self) -> bool:
        self.looked_at = time.monotonic()
        targets = self._mine(claim.due_targets())
        self.targets.update({target.endpoint_id: target for target in targets})
        room = CAPACITY - len(self.flight) + self.hanging
        items = claim.claim(
            claim.share(targets, capacity=min(room, FLUSH_MAX), in_flight=self.flight.calls)
        )
        now = time.monotonic()
        self.last_claim = len(items)
        self.next_claim_at = now if len(items) >= FLUSH_MAX // 2 else now + CLAIM_EVERY_S
        if not items:
            return False
        self.summary.claimed += len(items)
        self.flight.take(items, now)
        self.sender.send(self.targets.copy(), items)
        return True

    def _mine(self, targets: list[Target]) -> list[Target]:
        """Return those targets that this run may send to now."""
        if self.is_over:
            targets = [target for target in targets if target.health.failing_since is None]
        held = self.lanes.hold([target.endpoint_id for target in targets])
        if not self.lanes.is_coordinated:
            targets = [target.narrowed(ALONE_WINDOW) for target in targets]
        is_crowded = self.hanging >= HANGING_MAX
        return [
            self._tempered(target, is_crowded=is_crowded)
            for target in targets
            if target.endpoint_id in held
        ]

    def _tempered(self, target: Target, *, is_crowded: bool) -> Target:
        if is_crowded and target.endpoint_id not in self.flight.proven:
            return target.narrowed(1).without_backlog()
        return target.without_backlog() if target.endpoint_id in self.flight.slow else target

    def _unload(self) -> None:
        """Have given back what waits behind calls that hang: it is nobody's to keep."""
        if self.hanging and time.monotonic() >= self.next_unload_at:
            self.next_unload_at = time.monotonic() + UNLOAD_EVERY_S
            self.sender.unload_slow_lanes()

    def _collect(self) -> list[Result]:
        """Return what has come back, waiting a moment for the first and then for company: for
        nothing that hangs, and no longer than until the next claim where nothing else moves.
        """
        results: list[Result] = []
        now = time.monotonic()
        deadline = now + FLUSH_WAIT_S
        moving = len(self.flight) - self.flight.hanging(now)
        next_look_at = self.looked_at + LINGER_EVERY_S
        if not moving and now < next_look_at:
            deadline = min(deadline, next_look_at)
        wanted = max(1, min(FLUSH_MAX, moving)) if self.flight else 0
        while len(results) < wanted:
            try:
                wait_s = deadline - time.monotonic()
                results.append(self.sender.results.get(wait_s > 0, max(wait_s, 0)))
            except queue.Empty:
                break
        return results

    def _record(self, results: list[Result]) -> None:
        if not results:
            return
        for attempt in range(1, WRITE_TRIES + 1):
            try:
                record(results, self.targets)
                break
            except OperationalError:
                # A deadlock rolled the whole flush back; nothing of it was written.
                log.warning("webhook.record_failed", extra={"attempt": attempt})
                if attempt == WRITE_TRIES:
                    raise
        self.flight.land(results, time.monotonic())
        for result in results:
            if result.outcome is Outcome.DELIVERED:
                self.summary.delivered += 1
            elif result.outcome is Outcome.UNSENT:
                self.summary.unsent += 1
            else:
                self.summary.failed += 1


def _tidy() -> int:
    global _tidied_at
    if time.monotonic() - _tidied_at < TIDY_EVERY_S:
        return 0
    _tidied_at = time.monotonic()
    return upkeep.tidy()
