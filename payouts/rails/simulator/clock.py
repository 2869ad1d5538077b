"""The bank's clock: real time plus whatever an operator has added, and the timers that hang on it.

Advancing runs the due timers in the order of their due time, each seeing its own due time as now,
so a return that falls due inside the jump is booked on its own day and not on the last.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Any

_LONGEST_SLEEP_S = 3600.0


class Clock:
    """Virtual time in milliseconds; it never runs backwards except by `restart`."""

    def __init__(self) -> None:
        self._origin_ms = int((time.time() - time.monotonic()) * 1000)
        self._offset_ms = 0
        self._pinned_ms: int | None = None
        self._timers: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake_up: asyncio.TimerHandle | None = None
        self._wake_up_ms = 0

    @property
    def offset_ms(self) -> int:
        return self._offset_ms

    def now_ms(self) -> int:
        if self._pinned_ms is not None:
            return self._pinned_ms
        return self._origin_ms + self._offset_ms + int(time.monotonic() * 1000)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let timers fire on `loop`; those already due fire at its next turn."""
        self._loop = loop
        self._arm()

    def restart(self, offset_ms: int = 0) -> None:
        """Forget all timers and set the offset."""
        self._timers.clear()
        self._offset_ms = offset_ms
        self._arm(moved=True)

    def at(self, due_ms: int, call: Callable[..., object], *args: Any) -> None:
        """Run `call(*args)` once the clock reaches `due_ms`."""
        heapq.heappush(self._timers, (due_ms, next(self._order), call, args))
        if self._pinned_ms is None and self._timers[0][0] == due_ms:
            self._arm()

    def advance(self, by_ms: int) -> int:
        """Move the clock forward by `by_ms` and run what falls due; return how many timers ran."""
        now_ms = self.now_ms()
        ran = self._run(now_ms, now_ms + by_ms)
        self._offset_ms += by_ms
        self._arm(moved=True)
        return ran

    def _run(self, from_ms: int, until_ms: int) -> int:
        # What was due before `from_ms` (the bank was down) happens now: the past is on statements.
        ran = 0
        try:
            while self._timers and self._timers[0][0] <= until_ms:
                due_ms, _, call, args = heapq.heappop(self._timers)
                self._pinned_ms = max(due_ms, from_ms)
                call(*args)
                ran += 1
        finally:
            self._pinned_ms = None
        return ran

    def _arm(self, *, moved: bool = False) -> None:
        if self._loop is None:
            return
        due_ms = self._timers[0][0] if self._timers else 0
        if self._wake_up is not None:
            if due_ms and self._wake_up_ms == due_ms and not moved:
                return
            self._wake_up.cancel()
            self._wake_up = None
        if due_ms:
            delay_s = max(0.0, (due_ms - self.now_ms()) / 1000)
            self._wake_up_ms = due_ms
            self._wake_up = self._loop.call_later(min(delay_s, _LONGEST_SLEEP_S), self._ring)

    def _ring(self) -> None:
        self._wake_up = None
        now_ms = self.now_ms()
        self._run(now_ms, now_ms)
        self._arm()
