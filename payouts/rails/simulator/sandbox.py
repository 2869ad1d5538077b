"""Everything one sandbox bank holds while it runs: books, clock, config, log and courier.

The doors (data plane, control plane) get this object; it owns no sockets itself.
"""

import asyncio
import random
import time
from collections import deque
from typing import NamedTuple

from payouts.rails.simulator.bank import Bank
from payouts.rails.simulator.callbacks import Courier
from payouts.rails.simulator.clock import Clock
from payouts.rails.simulator.config import Config, Outage
from payouts.rails.simulator.exchange import Exchange
from payouts.rails.simulator.journal import Journal
from payouts.rails.simulator.shaping import FaultDice, TokenBucket, sampler


class Options(NamedTuple):
    """What the process was started with."""

    api_key: str
    webhook_secret: str
    webhook_url: str | None
    request_log: int
    control_needs_key: bool


class RequestLine(NamedTuple):
    """One finished request; `result` is a status, "reset" or "no_answer"."""

    at_s: float
    method: str
    path: str
    key: str | None
    result: int | str
    took_ms: float


class Sandbox:
    """One bank in one process."""

    def __init__(
        self, options: Options, journal: Journal | None, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.options = options
        self.loop = loop
        self.clock = Clock()
        self.courier = Courier(options.webhook_secret, loop, lambda: self.bank.names)
        self.bank = Bank(self.clock, self.courier.announce, journal)
        self.requests: deque[RequestLine] = deque(maxlen=options.request_log)
        self.requests_total = 0
        self.in_flight: set[Exchange] = set()
        self._outage_until_s = 0.0
        self._outage_mode = "error"
        self.configure(self.first_config())

    def first_config(self) -> Config:
        config = Config()
        config.webhooks.url = self.options.webhook_url
        return config

    def configure(self, config: Config) -> None:
        """Put `config` in force; limits start full, the dice start from the seed."""
        now_s = time.monotonic()
        dice = random.Random(config.seed)
        self.config = config
        self.bucket = TokenBucket(config.rate_per_s, config.burst, config.ramp, now_s)
        self.lookup_bucket = TokenBucket(config.lookup_rate_per_s, config.lookup_burst, None, now_s)
        self.latency_s = sampler(config.latency, dice)
        self.lookup_latency_s = sampler(config.lookup_latency, dice)
        self.faults = FaultDice(config.faults, dice)
        self.bank.recalls_accepted = config.recalls_accepted
        self.courier.configure(config.webhooks, random.Random(config.seed + 1))

    def reset(self, *, keep_config: bool) -> None:
        """Empty the books, the log and the courier; config too unless kept."""
        self.courier.clear()
        self.in_flight.clear()
        self.bank.reset()
        self.requests.clear()
        self.requests_total = 0
        self._outage_until_s = 0.0
        self.configure(self.config if keep_config else self.first_config())

    def begin_outage(self, outage: Outage) -> None:
        self._outage_until_s = time.monotonic() + outage.seconds
        self._outage_mode = outage.mode

    def outage_mode(self) -> str | None:
        """Return how an outage shows, None when there is none."""
        until_s = self._outage_until_s
        return self._outage_mode if until_s and time.monotonic() < until_s else None

    def log_request(self, exchange: Exchange, result: int | str) -> None:
        self.requests_total += 1
        key = exchange.headers.get(b"idempotency-key")
        self.requests.append(
            RequestLine(
                time.time(),
                exchange.method,
                exchange.path,
                key.decode("latin-1") if key else None,
                result,
                round((time.monotonic() - exchange.arrived_s) * 1000, 3),
            )
        )
