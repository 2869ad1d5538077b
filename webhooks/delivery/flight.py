"""What one run has claimed and not yet recorded, told apart: what moves, and what hangs.

An endpoint that takes calls and does not answer keeps its own rows waiting for seconds. Nothing
else may wait with them, so they count neither as work that should come back soon nor as a reason
to claim less. Knows no clock: each call is told the time.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from webhooks.delivery.claim import Claimed
from webhooks.delivery.result import Outcome, Result

HANGS_AFTER_S = 0.25  # without an answer; what is late by less costs the others next to nothing
SLOW_AFTER_S = 1.0


class Flight:
    """The deliveries under way of one run. `calls` counts them by endpoint.

    `slow` are the endpoints that let the run wait for a second: they get no rows claimed ahead any
    more. `proven` are those that answered.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.slow: set[str] = set()
        self.proven: set[str] = set()
        self._ids: set[str] = set()
        self._moved_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def take(self, items: Collection[Claimed], now: float) -> None:
        """Note what was claimed; an endpoint that had nothing under way begins to be waited for."""
        for endpoint_id in {item.endpoint_id for item in items}:
            if not self.calls[endpoint_id]:
                self._moved_at[endpoint_id] = now
        self.calls.update(item.endpoint_id for item in items)
        self._ids.update(item.id for item in items)

    def land(self, results: Iterable[Result], now: float) -> None:
        """Note what has come back; what was never sent says nothing of its endpoint."""
        for result in results:
            endpoint_id = result.item.endpoint_id
            self._ids.discard(result.item.id)
            self.calls[endpoint_id] -= 1
            if result.outcome is not Outcome.UNSENT:
                self._moved_at[endpoint_id] = now
            if result.http_status is not None:
                self.proven.add(endpoint_id)

    def busy(self) -> list[str]:
        """Return the endpoints with deliveries under way."""
        return [endpoint_id for endpoint_id, count in self.calls.items() if count > 0]

    def hanging(self, now: float) -> int:
        """Return how many deliveries wait for endpoints that do not answer; note the slow ones."""
        count = 0
        for endpoint_id in self.busy():
            silent_s = now - self._moved_at[endpoint_id]
            if silent_s > HANGS_AFTER_S:
                count += self.calls[endpoint_id]
            if silent_s > SLOW_AFTER_S:
                self.slow.add(endpoint_id)
        return count
