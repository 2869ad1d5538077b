"""Sending claimed deliveries: one lane per endpoint, many lanes at once, on the fan-out's loop.

A lane runs at most the endpoint's window of calls. Events of one object go one after the other;
where one fails, those behind it are given back unsent. Touches no database.
"""

import asyncio
import logging
import queue
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from atlaspay.core import fanout
from webhooks.delivery import call
from webhooks.delivery.breaker import TRIP_AT, Sign
from webhooks.delivery.claim import RECHECK_S, Claimed, Target
from webhooks.delivery.result import Outcome, Result, retry_after_s
from webhooks.delivery.schedule import LATE_DEADLINE_S, deadline_s
from webhooks.signing import sign

log = logging.getLogger(__name__)

PAUSE_S = 1.0  # until the breaker's row says how long
LEASE_MARGIN_S = LATE_DEADLINE_S + 15.0  # a send never begins that could outlive its lease


@dataclass(slots=True)
class Lane:
    """The calls to one endpoint in this process."""

    target: Target
    url: URL
    waiting: deque[list[Claimed]] = field(default_factory=deque)
    active: int = 0
    streak: int = 0
    is_closed: bool = False
    moved_at: float = 0.0


class Sender:
    """Takes claimed deliveries, puts a Result for each on `results`. Made once per run."""

    def __init__(self, private_key: Ed25519PrivateKey | None) -> None:
        self.results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._private_key = private_key
        self._lanes: dict[str, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._fanout = fanout.current()

    def send(self, targets: dict[str, Target], items: list[Claimed]) -> None:
        """Hand over claimed deliveries, sorted by endpoint, object and sequence."""
        self._fanout.loop.call_soon_threadsafe(self._accept, targets, items)

    def stop(self) -> None:
        """Begin no further send; what waits comes back unsent."""
        self._is_stopping = True

    def rest_slow_lanes(self) -> None:
        """Begin no further send on lanes that fail, or have not finished one for a second."""
        self._fanout.loop.call_soon_threadsafe(self._rest_slow_lanes)

    def _rest_slow_lanes(self) -> None:
        for lane in self._lanes.values():
            if lane.active and (lane.streak or time.monotonic() - lane.moved_at > PAUSE_S):
                lane.is_closed = True

    def unload_slow_lanes(self) -> None:
        """Give back what waits on lanes that have not finished a call for a second."""
        self._fanout.loop.call_soon_threadsafe(self._unload_slow_lanes)

    def _unload_slow_lanes(self) -> None:
        for lane in self._lanes.values():
            if lane.active and time.monotonic() - lane.moved_at > PAUSE_S:
                while lane.waiting:
                    self._give_back(lane.waiting.popleft(), PAUSE_S)

    def _accept(self, targets: dict[str, Target], items: list[Claimed]) -> None:
        for endpoint_id, of_endpoint in groupby(items, key=lambda item: item.endpoint_id):
            lane = self._lane(targets[endpoint_id])
            for _, of_object in groupby(of_endpoint, key=lambda item: item.object_id):
                lane.waiting.append(list(of_object))
            for _ in range(min(lane.target.health.window - lane.active, len(lane.waiting))):
                lane.active += 1
                task = self._fanout.loop.create_task(self._work(lane))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _lane(self, target: Target) -> Lane:
        lane = self._lanes.get(target.endpoint_id)
        if lane is None or lane.target.url != target.url:
            lane = self._lanes[target.endpoint_id] = Lane(target, URL(target.url))
            lane.streak, lane.moved_at = target.health.streak, time.monotonic()
        elif lane.active == 0:
            # Only an endpoint whose breaker is closed is claimed for again.
            lane.is_closed, lane.streak = False, target.health.streak
            lane.moved_at = time.monotonic()
        lane.target = target
        return lane

    async def _work(self, lane: Lane) -> None:
        try:
            while lane.waiting and lane.active <= lane.target.health.window:
                await self._send_in_order(lane, lane.waiting.popleft())
        finally:
            lane.active -= 1

    async def _send_in_order(self, lane: Lane, group: list[Claimed]) -> None:
        for index, item in enumerate(group):
            is_late = time.monotonic() + LEASE_MARGIN_S > item.lease_end
            if self._is_stopping or lane.is_closed or is_late:
                self._give_back(group[index:], PAUSE_S if lane.is_closed else 0.0)
                return
            result = _broken(item)
            try:
                result = await self._attempt(lane, item)
            except Exception:
                # One that vanished would keep its run, and with it every endpoint, waiting.
                log.exception("webhook.send_broke", extra={"delivery_id": item.id})
            finally:
                self.results.put(result)
            self._note(lane, result)
            if result.outcome is not Outcome.DELIVERED:
                # They wait for the one before; the claim looks when that one may be through.
                self._give_back(group[index + 1 :], float(RECHECK_S))
                return

    def _give_back(self, items: Iterable[Claimed], delay_s: float) -> None:
        for item in items:
            self.results.put(Result(item, Outcome.UNSENT, unsent_delay_s=delay_s))

    def _note(self, lane: Lane, result: Result) -> None:
        lane.moved_at = time.monotonic()
        lane.streak = lane.streak + 1 if result.sign is Sign.UNREACHABLE else 0
        if lane.streak >= TRIP_AT or result.is_gone or result.retry_after_s:
            lane.is_closed = True

    async def _attempt(self, lane: Lane, item: Claimed) -> Result:
        timestamp_s = int(time.time())
        signature = sign(
            item.message_id,
            timestamp_s,
            item.body,
            keys=lane.target.keys,
            private_key=self._private_key,
        )
        answer = await call.post(
            self._fanout,
            lane.url,
            body=item.body,
            headers={
                "webhook-id": item.message_id,
                "webhook-timestamp": str(timestamp_s),
                "webhook-signature": signature,
                "webhook-attempt": str(item.number),
            },
            deadline_s=deadline_s(item.step),
        )
        status = answer.http_status
        return Result(
            item=item,
            outcome=_outcome(status),
            http_status=status,
            error=answer.error,
            detail=answer.detail,
            body=answer.body,
            headers=answer.response_headers,
            started_at=answer.started_at,
            duration_ms=answer.duration_ms,
            retry_after_s=retry_after_s(
                answer.response_headers.get("retry-after"), answer.started_at
            )
            if status in {429, 503}
            else None,
            is_saturated=bool(lane.waiting),
        )


def _broken(item: Claimed) -> Result:
    """Return what an attempt comes to that a fault of ours ended: as far as we know, not heard."""
    return Result(
        item,
        Outcome.FAILED,
        error="internal",
        detail="A fault of ours ended the call; it is repeated.",
        started_at=datetime.now(UTC),
    )


def _outcome(status: int | None) -> Outcome:
    if status is None:
        return Outcome.FAILED
    return Outcome.DELIVERED if 200 <= status < 300 else Outcome.REFUSED
