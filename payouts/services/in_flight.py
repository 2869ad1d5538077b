"""The calls to banks that one process has in flight. Knows the rails; touches no database."""

import math
import queue
import time
from collections.abc import Sequence
from dataclasses import dataclass

from atlaspay.core import fanout
from payouts.models import Attempt, Payout
from payouts.rails import base
from payouts.services import banking

# How long answers are gathered after the first: larger sets cost the database less.
GATHER_S = 0.05

_running: set[object] = set()


@dataclass(slots=True)
class Sending:
    """One claimed payout with the attempt that is committed and about to go on the wire.

    `lease_ends` is on `time.monotonic()`: after it others may act on the payout.
    """

    payout: Payout
    attempt: Attempt
    order: base.Order
    lease_ends: float = math.inf


class Wire:
    """The calls this process has in flight; answers arrive in `answers`, from the loop's thread."""

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[tuple[Sending, base.Outcome]] = queue.SimpleQueue()
        self.in_flight = 0

    def send(self, sendings: Sequence[Sending]) -> None:
        """Put orders on the wire; returns at once."""
        if not sendings:
            return
        self.in_flight += len(sendings)
        fanout.submit(self._start(sendings))

    async def _start(self, sendings: Sequence[Sending]) -> None:
        loop = fanout.current().loop
        for sending in sendings:
            task = loop.create_task(self._call(sending))
            _running.add(task)
            task.add_done_callback(_running.discard)

    async def _call(self, sending: Sending) -> None:
        rail = banking.rail(sending.attempt.rail)
        outcome: base.Outcome = base.Unknown(detail="the sender stopped before the bank answered")
        if time.monotonic() > sending.lease_ends:
            # Held up since the claim. Others may have asked, sent or settled it by hand meanwhile.
            late = base.Unavailable(detail="not sent: the lease ended before the call began")
            self.answers.put((sending, late))
            return
        try:
            outcome = await rail.submit(fanout.session(rail.session_options()), sending.order)
        finally:
            self.answers.put((sending, outcome))

    def gather(self, *, most: int, wait_s: float) -> list[tuple[Sending, base.Outcome]]:
        """Return answers: waits up to `wait_s` for the first, then takes what comes within a short
        moment.
        """
        found: list[tuple[Sending, base.Outcome]] = []
        until = time.monotonic() + wait_s
        while len(found) < most and self.in_flight:
            left = until - time.monotonic()
            try:
                found.append(
                    self.answers.get(timeout=left) if left > 0 else self.answers.get_nowait()
                )
            except queue.Empty:
                break
            self.in_flight -= 1
            if len(found) == 1:
                until = min(until, time.monotonic() + GATHER_S)
        return found
