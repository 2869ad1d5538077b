"""Signed callbacks to the client: Standard Webhooks messages, sent with retries and with faults.

Messages go to the transfer's own callback_url, else to the configured one, else nowhere. They are
kept in memory only: whoever kills the bank loses them, as a lossy bank would.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable

import aiohttp
import msgspec

from payouts.rails.simulator.config import Webhooks
from payouts.rails.simulator.records import PENDING, Names, Return, Transfer, iso, transfer_view
from payouts.rails.simulator.shaping import sampler

IN_FLIGHT_LIMIT = 64
LONGEST_RETRY_S = 300.0
OVERTAKEN_S = (0.2, 1.5)


class SecretError(ValueError):
    """The webhook secret is not `whsec_` and base64 of 24 to 64 bytes."""


class Message(msgspec.Struct):
    """One message; duplicates share its id, as the standard asks."""

    id: str
    url: str
    body: bytes
    attempt: int = 0


def signing_key(secret: str) -> bytes:
    """Return the bytes inside a `whsec_` secret; SecretError if it is not one."""
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise SecretError("The webhook secret is not whsec_ followed by base64.") from exc
    if text == secret or not 24 <= len(key) <= 64:
        raise SecretError("The webhook secret must be whsec_ and base64 of 24 to 64 bytes.")
    return key


def signature(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the `webhook-signature` value of Standard Webhooks 1.0."""
    content = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


class Courier:
    """Delivers messages; at most 64 at once, each retried with doubling pauses."""

    def __init__(
        self, secret: str, loop: asyncio.AbstractEventLoop, names: Callable[[], Names]
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._key = signing_key(secret)
        self._loop = loop
        self._names = names
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(IN_FLIGHT_LIMIT)
        self._timers: set[asyncio.TimerHandle] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._encode = msgspec.json.Encoder().encode

    def configure(self, config: Webhooks, dice: random.Random) -> None:
        self._config = config
        self._dice = dice
        self._delay_s = sampler(config.delay, dice)

    @property
    def waiting(self) -> int:
        """Messages not yet delivered or given up."""
        return len(self._timers) + len(self._sending)

    def announce(self, event_type: str, transfer: Transfer, returned: Return | None) -> None:
        """Send what happened to a transfer, as its plan and the faults have it."""
        url = transfer.callback_url or self._config.url
        if url is None or not self._config.enabled:
            return
        if transfer.plan.callbacks == "never":
            self.counts["withheld"] += 1
            return
        message = self._compose(event_type, url, transfer, returned)
        if transfer.plan.callbacks == "scrambled" and returned is None:
            stale = self._compose(event_type, url, transfer, None, stale=True)
            for place, item in enumerate((message, stale, message)):
                self._later(0.15 * place, item)
            return
        dice, config = self._dice, self._config
        if dice.random() < config.loss_share:
            self.counts["lost"] += 1
            return
        delay_s = self._delay_s()
        if dice.random() < config.reorder_share:
            self.counts["reordered"] += 1
            delay_s += dice.uniform(*OVERTAKEN_S)
        self._later(delay_s, message)
        if dice.random() < config.duplicate_share:
            self.counts["duplicated"] += 1
            self._later(delay_s + dice.uniform(0, 0.5), message)

    def _compose(
        self,
        event_type: str,
        url: str,
        transfer: Transfer,
        returned: Return | None,
        *,
        stale: bool = False,
    ) -> Message:
        if stale:
            at_ms, status = transfer.created_ms, PENDING
        else:
            at_ms, status = transfer.settled_ms or transfer.created_ms, None
        data = transfer_view(transfer, self._names(), status)
        if returned is not None:
            at_ms = returned.at_ms
            data["return"] = data["returned"][-1]
        body = self._encode({"type": event_type, "timestamp": iso(at_ms), "data": data})
        return Message(f"msg_{secrets.token_hex(12)}", url, body)

    def _later(self, delay_s: float, message: Message) -> None:
        message = msgspec.structs.replace(message)
        if delay_s <= 0:
            self._send(message)
            return

        def fire() -> None:
            self._timers.discard(timer)
            self._send(message)

        timer = self._loop.call_later(delay_s, fire)
        self._timers.add(timer)

    def _send(self, message: Message) -> None:
        task = self._loop.create_task(self._deliver(message))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, message: Message) -> None:
        async with self._slots:
            message.attempt += 1
            accepted = await self._post(message)
        if accepted:
            self.counts["delivered"] += 1
        elif message.attempt >= self._config.max_attempts:
            self.counts["given_up"] += 1
        else:
            self.counts["retried"] += 1
            pause_s = self._config.retry_s * 2.0 ** (message.attempt - 1)
            self._later(min(pause_s, LONGEST_RETRY_S), message)

    async def _post(self, message: Message) -> bool:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=IN_FLIGHT_LIMIT)
            )
        timestamp = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "sandbox-bank",
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._key, message.id, timestamp, message.body),
        }
        timeout = aiohttp.ClientTimeout(total=self._config.timeout_s)
        try:
            async with self._session.post(
                message.url,
                data=message.body,
                headers=headers,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return 200 <= response.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return False

    def clear(self) -> None:
        """Drop every message not yet delivered, and the counts."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        for task in self._sending:
            task.cancel()
        self.counts.clear()

    async def close(self) -> None:
        self.clear()
        if self._session is not None:
            await self._session.close()
