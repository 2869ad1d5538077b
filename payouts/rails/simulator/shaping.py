"""Limits, latency and dice: how the bank's behaviour is bent by its config.

Real (monotonic) time, not the bank's clock: a limit protects a machine and does not jump a day.
"""

import math
import random
from collections.abc import Callable

from payouts.rails.simulator.config import Faults, Fixed, Latency, Lognormal, Ramp, Uniform

LONGEST_WAIT_S = 60.0
# A tenth of a second at ten a second is a hair less than one token in binary fractions.
_ROUNDING = 1e-9


def sampler(latency: Latency, dice: random.Random) -> Callable[[], float]:
    """Return a function that draws a delay in seconds."""
    match latency:
        case Fixed(ms=ms):
            return lambda: ms / 1000
        case Uniform(min_ms=low, max_ms=high):
            return lambda: dice.uniform(low, high) / 1000
        case Lognormal(median_ms=median, sigma=sigma):
            return lambda: median * math.exp(sigma * dice.gauss(0, 1)) / 1000


def ramp_rate(ramp: Ramp, elapsed_s: float) -> float:
    """Return the ramp's rate `elapsed_s` after its start."""
    points = ramp.points
    before = points[0]
    for point in points:
        if point.at_s > elapsed_s:
            if ramp.shape == "step" or before is point:
                return before.rate_per_s
            done = (elapsed_s - before.at_s) / (point.at_s - before.at_s)
            return before.rate_per_s + done * (point.rate_per_s - before.rate_per_s)
        before = point
    return before.rate_per_s


class TokenBucket:
    """Holds at most `burst` tokens and gains `rate` a second; starts full."""

    def __init__(
        self, rate_per_s: float | None, burst: float | None, ramp: Ramp | None, now_s: float
    ) -> None:
        self._fixed_rate = rate_per_s
        self._ramp = ramp
        self._started_s = self._filled_s = now_s
        self._burst = burst
        self._tokens = self._size(self.rate(now_s))

    def rate(self, now_s: float) -> float:
        """Return the rate in force; infinite when there is no limit."""
        if self._ramp is not None:
            return ramp_rate(self._ramp, now_s - self._started_s)
        return math.inf if self._fixed_rate is None else self._fixed_rate

    def _size(self, rate: float) -> float:
        # Without a named burst a second's worth, so that a plain rate means what it says.
        return max(1.0, rate) if self._burst is None else self._burst

    def take(self, now_s: float) -> float:
        """Take a token and return 0, or take none and return the seconds until there is one."""
        rate = self.rate(now_s)
        if rate == math.inf:
            return 0.0
        gained = rate * (now_s - self._filled_s)
        self._tokens = min(self._size(rate), self._tokens + gained)
        self._filled_s = now_s
        if self._tokens >= 1 - _ROUNDING:
            self._tokens = max(0.0, self._tokens - 1)
            return 0.0
        if rate == 0:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, (1 - self._tokens) / rate)


class FaultDice:
    """Draws at most one fault per request, from a seeded source."""

    def __init__(self, faults: Faults, dice: random.Random) -> None:
        self.hang_s = faults.hang_s
        self.lookups = faults.lookups
        self._faults = faults
        self._dice = dice
        self._active = faults.error_share + faults.reset_share + faults.hang_share > 0

    def draw(self) -> tuple[str | int, bool] | None:
        """Return None, or the fault (a status, "reset" or "hang") and whether it was accepted."""
        if not self._active:
            return None
        faults = self._faults
        point = self._dice.random()
        if point < faults.error_share:
            status = self._dice.choice(faults.error_statuses)
            return status, status != 503 and self._accepted()
        point -= faults.error_share
        if point < faults.reset_share:
            return "reset", self._accepted()
        point -= faults.reset_share
        return ("hang", self._accepted()) if point < faults.hang_share else None

    def _accepted(self) -> bool:
        return self._dice.random() < self._faults.accepted_share
