"""A bank whose rate limit moves, and workers that share one throttle, in virtual time.

Nothing sleeps: events are taken from a heap and the throttle is handed the virtual clock, so that
minutes of traffic run in seconds and always the same way. The script is the real one in a real
Redis.
"""

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from payouts.rails.throttle import Throttle

US = 1_000_000


@dataclass
class MovingBank:
    """Token bucket whose rate follows `limit_at(seconds)`; burst of `burst_s` seconds' worth."""

    limit_at: Callable[[float], float]
    burst_s: float = 1.0
    latency_s: float = 0.02
    tokens: float = 0.0
    at_s: float = 0.0
    taken: int = 0
    limited: int = 0

    def call(self, at_s: float) -> float | None:
        """Take one call at `at_s`; return None if taken, else the whole seconds to wait."""
        rate = self.limit_at(at_s)
        self.tokens = min(rate * self.burst_s, self.tokens + rate * (at_s - self.at_s))
        self.at_s = at_s
        if self.tokens >= 1:
            self.tokens -= 1
            self.taken += 1
            return None
        self.limited += 1
        return float(math.ceil((1 - self.tokens) / rate))


@dataclass
class Simulation:
    """Workers that each ask for `chunk` calls, make them at once, report, and ask again."""

    bank: MovingBank
    throttle: Throttle | None
    clock: "VirtualClock"
    workers: int = 8
    chunk: int = 10
    seed: int = 1
    taken_by_second: dict[int, int] = field(default_factory=dict)

    def run(self, seconds: float) -> None:
        """Run from the clock's time for `seconds`."""
        counter = itertools.count()
        dice = random.Random(self.seed)
        start_s = self.clock.now_s
        queue = [
            (start_s + dice.random() / 100, next(counter), 0, None) for _ in range(self.workers)
        ]
        heapq.heapify(queue)
        while queue and queue[0][0] < start_s + seconds:
            at_s, _, granted, answers = heapq.heappop(queue)
            self.clock.now_s = at_s
            if granted:
                self._finish(granted, answers)
            count, wait_s = self._ask()
            if count:
                answers = [self.bank.call(at_s) for _ in range(count)]
                second = int(at_s)
                taken = sum(answer is None for answer in answers)
                self.taken_by_second[second] = self.taken_by_second.get(second, 0) + taken
                delay_s = self.bank.latency_s * dice.uniform(0.8, 1.2)
                heapq.heappush(queue, (at_s + delay_s, next(counter), count, answers))
            else:
                pause_s = max(wait_s, 0.001) * dice.uniform(1.0, 1.1)
                heapq.heappush(queue, (at_s + pause_s, next(counter), 0, None))

    def _ask(self) -> tuple[int, float]:
        if self.throttle is None:
            return self.chunk, 0.0
        grant = self.throttle.take(self.chunk)
        return grant.granted, grant.wait_s

    def _finish(self, granted: int, answers: list[float | None]) -> None:
        if self.throttle is None:
            return
        waits = [answer for answer in answers if answer is not None]
        self.throttle.release(granted)
        self.throttle.report(
            successes=granted - len(waits),
            limited=len(waits),
            retry_after_s=max(waits, default=None),
        )


@dataclass
class VirtualClock:
    """Seconds since 2001-09-09, so that 0 never means "ask Redis"."""

    now_s: float = 1_000_000_000.0

    def us(self) -> int:
        """Return the time in microseconds."""
        return int(self.now_s * US)
