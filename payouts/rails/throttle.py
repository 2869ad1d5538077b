"""The adaptive throttle and breaker that all workers of all hosts share, per provider credential.

It learns how fast a bank may be called and says when the next calls may go. State lives in Redis
and moves by one script on Redis's own clock; without Redis each process falls back to a low local
rate. Nothing here decides about money: a call that was granted and lost costs a slot until its
lease ends.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import redis

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_suffix(".lua").read_text(encoding="ascii")
REDIS_RETRY_S = 1.0
US = 1_000_000
LOCAL_WAIT_S = 0.2

EndpointClass = Literal["submit", "lookup"]
Why = Literal["", "rate", "paused", "in_flight", "breaker"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How the throttle learns. Rates are calls per second; the defaults are those of docs/rails.md.

    Slow start adds `slow_gain` per answered call until the first 429; from then on a call adds so
    much that full use adds `add_gain`, or `add_share` of the rate if that is more, each second.
    `in_flight` bounds calls open at once over all workers; a dead worker's slots come back after
    `lease_s`, which must exceed the longest call. `local_rate` holds per process without Redis.
    """

    start_rate: float = 500
    min_rate: float = 1
    max_rate: float = 5000
    slow_gain: float = 0.5
    add_gain: float = 4
    add_share: float = 0.03
    burst_s: float = 0.25
    cut_limited: float = 0.7
    cut_error: float = 0.9
    cut_every_s: float = 0.5
    pause_max_s: float = 60
    in_flight: int = 200
    lease_s: float = 60
    trip_after: int = 20
    open_max_s: float = 30
    local_rate: float = 5

    def __post_init__(self) -> None:
        """Refuse numbers that would stop everything or divide by zero."""
        if not 0 < self.min_rate <= self.start_rate <= self.max_rate:
            raise ValueError("throttle: 0 < min_rate <= start_rate <= max_rate must hold")
        if self.in_flight < 1 or self.trip_after < 1 or self.local_rate <= 0:
            raise ValueError("throttle: in_flight, trip_after and local_rate must be positive")
        if not (0 < self.cut_limited < 1 and 0 < self.cut_error < 1 and self.burst_s > 0):
            raise ValueError("throttle: cuts lie between 0 and 1, burst_s above 0")

    def arguments(self) -> list[float]:
        """Return the script's limits: seconds become microseconds, `local_rate` stays here."""
        in_us = {"cut_every_s", "pause_max_s", "lease_s", "open_max_s"}
        return [
            int(getattr(self, field.name) * US)
            if field.name in in_us
            else getattr(self, field.name)
            for field in fields(self)
            if field.name != "local_rate"
        ]


@dataclass(frozen=True, slots=True)
class Grant:
    """How many calls may go now, and when to ask for the rest; `why` is what held them back."""

    granted: int
    wait_s: float
    why: Why = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What console and metrics show. `is_learned`: a 429 has shown where the limit is."""

    rate: float
    is_learned: bool
    measured: float
    in_flight: int
    holders: int
    paused_s: float
    breaker: Literal["closed", "open", "half_open"]
    breaker_s: float
    failures: int
    limited_total: int
    taken_total: int
    is_local: bool = False


class Throttle:
    """The budget of one (provider, credential, endpoint class). Safe to share between threads."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        provider: str,
        credential: str,
        endpoint_class: EndpointClass,
        limits: Limits | None = None,
        now_us: Callable[[], int] | None = None,
        prefix: str = "atlaspay:throttle",
    ) -> None:
        """`now_us` replaces Redis's clock, for simulations; it must not answer 0."""
        self.limits = limits or Limits()
        # One hash tag for all three, so that a Redis cluster keeps them in one slot.
        base = f"{prefix}:{{{provider}:{credential}}}"
        self.keys = [
            f"{base}:{endpoint_class}",
            f"{base}:{endpoint_class}:flight",
            f"{base}:breaker",
        ]
        self._name = f"{provider}:{endpoint_class}"
        self._arguments = self.limits.arguments()
        self._script = client.register_script(SCRIPT)
        self._now_us = now_us
        self._local = _LocalBudget(self.limits.local_rate)
        self._away_until = 0.0

    def take(self, n: int) -> Grant:
        """Ask for up to `n` calls; each granted one must be reported and released, or its lease
        ends.
        """
        if n < 1:
            return Grant(0, 0.0)
        answer = self._run("take", n)
        if answer is None:
            return self._local.take(n)
        granted, wait_us, why = int(answer[0]), int(answer[1]), _text(answer[2])
        return Grant(granted, wait_us / US, why)  # type: ignore[arg-type]

    def report(
        self,
        successes: int = 0,
        limited: int = 0,
        retry_after_s: float | None = None,
        errors: int = 0,
    ) -> None:
        """Tell what calls came to, in one go for many.

        `successes`: the bank answered, a refusal of the payment included. `limited`: 429, with the
        longest wait it asked for. `errors`: no connection, timeout, reset, 5xx.
        """
        wait_us = -1
        if retry_after_s is not None:
            wait_us = int(min(max(0.0, retry_after_s), self.limits.pause_max_s) * US)
        self._run("report", successes, limited, wait_us, errors)

    def release(self, n: int, *, unused: bool = False) -> None:
        """Give back the slots of `n` granted calls; `unused`: never made, so their rate too."""
        if n > 0:
            self._local.release(n)
            self._run("release", n, int(unused))

    def snapshot(self) -> Snapshot:
        """Return the present state; without Redis the local one, marked so."""
        answer = self._run("snapshot")
        if answer is None:
            return self._local.snapshot()
        words = [_text(word) for word in answer]
        s = dict(zip(words[::2], words[1::2], strict=True))
        return Snapshot(
            rate=float(s["rate"]),
            is_learned=s["is_learned"] == "1",
            measured=float(s["measured"]),
            in_flight=int(s["in_flight"]),
            holders=int(s["holders"]),
            paused_s=int(s["paused_us"]) / US,
            breaker=s["breaker"],  # type: ignore[arg-type]
            breaker_s=int(s["breaker_us"]) / US,
            failures=int(s["failures"]),
            limited_total=int(s["limited_total"]),
            taken_total=int(s["taken_total"]),
        )

    def _run(self, operation: str, *values: float) -> list[Any] | None:
        """Run the script; None while Redis is away, asked again after a second."""
        if time.monotonic() < self._away_until:
            return None
        now_us = self._now_us() if self._now_us else 0
        try:
            answer: list[Any] = self._script(
                keys=self.keys, args=[operation, holder(), now_us, *values, *self._arguments]
            )
        except redis.RedisError as error:
            self._away_until = time.monotonic() + REDIS_RETRY_S
            extra = {"throttle": self._name, "error": type(error).__name__}
            log.warning("throttle.redis_away", extra=extra)
            return None
        return answer


class _LocalBudget:
    """What one process allows itself without Redis: a low rate, no burst."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._in_flight = 0
        self._next_at = 0.0
        self._lock = threading.Lock()

    def take(self, n: int) -> Grant:
        with self._lock:
            now = time.monotonic()
            if self._in_flight >= max(1, int(self._rate)):
                return Grant(0, LOCAL_WAIT_S, "in_flight")
            if now < self._next_at:
                return Grant(0, self._next_at - now, "rate")
            self._next_at = now + 1 / self._rate
            self._in_flight += 1
            return Grant(1, 1 / self._rate if n > 1 else 0.0, "rate" if n > 1 else "")

    def release(self, n: int) -> None:
        with self._lock:
            self._in_flight = max(0, self._in_flight - n)

    def snapshot(self) -> Snapshot:
        with self._lock:
            return Snapshot(
                rate=self._rate,
                is_learned=False,
                measured=0.0,
                in_flight=self._in_flight,
                holders=1,
                paused_s=0.0,
                breaker="closed",
                breaker_s=0.0,
                failures=0,
                limited_total=0,
                taken_total=0,
                is_local=True,
            )


_holder = (0, "")


def holder() -> str:
    """Return this process's name in the semaphore; a forked child gets its own."""
    global _holder
    pid = os.getpid()
    if _holder[0] != pid:
        _holder = (pid, f"{pid}-{secrets.token_hex(6)}")
    return _holder[1]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
