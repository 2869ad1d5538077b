"""Token buckets in Redis by Redis TIME, so that all web processes share them: of requests for each
key, and of items tried in dry runs for each partner.

Where Redis is away each process falls back to a bucket of its own at a tenth of the rate: slow,
never closed.
"""

import logging
import math
import time
from dataclasses import dataclass
from functools import lru_cache

import redis
from django.conf import settings
from redis.commands.core import Script
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from atlaspay.core.errors import RateLimitedError
from atlaspay.core.redis import client
from partners.auth import principal_of

log = logging.getLogger(__name__)

FALLBACK_SHARE = 10
REDIS_PAUSE_S = 1.0

# Tokens are kept in thousandths, time in milliseconds, so that all arithmetic stays in exact
# integers of a double.
_BUCKET = """
local rate, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]) * 1000, tonumber(ARGV[3]) * 1000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(kept[1]) or burst, tonumber(kept[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local allowed = 0
if tokens >= cost then tokens = tokens - cost; allowed = 1 end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', math.max(now, at))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate) + 1000)
local full, free = math.ceil((burst - tokens) / rate), math.ceil(math.max(0, cost - tokens) / rate)
return {allowed, math.floor(tokens / 1000), full, free}
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """What is left of a budget: tokens, milliseconds until full, milliseconds until what was asked
    for is free.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_ms: int
    retry_ms: int

    def headers(self) -> dict[str, str]:
        """Return the RateLimit headers of an answer (draft-ietf-httpapi-ratelimit-headers-06)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(math.ceil(self.reset_ms / 1000)),
        }


class LocalBucket:
    """One bucket in one process."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = burst, time.monotonic()

    def take(self, cost: int = 1) -> Budget:
        """Take so many tokens if there are; what is more than the bucket holds takes all of it."""
        wanted = min(float(cost), self.burst)
        now = time.monotonic()
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now
        allowed = self.tokens >= wanted
        self.tokens -= wanted if allowed else 0
        return Budget(
            allowed,
            int(self.burst),
            int(self.tokens),
            math.ceil((self.burst - self.tokens) / self.rate * 1000),
            math.ceil(max(0.0, wanted - self.tokens) / self.rate * 1000),
        )


@lru_cache(maxsize=1)
def _script() -> Script:
    return client().register_script(_BUCKET)


_local: dict[str, LocalBucket] = {}
_away_until = 0.0


def forget_all() -> None:
    """Drop this process's own buckets and its opinion of Redis (tests)."""
    global _away_until
    _local.clear()
    _away_until = 0.0


def take(key_id: str, *, rate: float, burst: int, cost: int = 1) -> Budget:
    """Take `cost` tokens from a budget of `rate` a second and `burst` at once, a request being one.

    A cost above `burst` takes the whole bucket, or it could never be met.
    """
    cost = min(cost, burst)
    # One pause a process: a dead Redis must not cost each request a timeout.
    global _away_until
    if time.monotonic() >= _away_until:
        try:
            found = _script()(keys=[f"atlaspay:rate:{key_id}"], args=[rate, burst, cost])
            return Budget(bool(found[0]), burst, found[1], found[2], found[3])
        except redis.RedisError as error:
            _away_until = time.monotonic() + REDIS_PAUSE_S
            log.warning("throttle.redis_away", extra={"error": type(error).__name__})
    if len(_local) > 10_000:
        _local.clear()
    low_rate, low_burst = max(1.0, rate / FALLBACK_SHARE), max(1.0, burst / FALLBACK_SHARE)
    return _local.setdefault(key_id, LocalBucket(low_rate, low_burst)).take(cost)


def take_items(partner_id: str, count: int) -> None:
    """Take the items of a dry run from the partner's budget, whichever key or person asks.

    A dry run judges every item and is neither kept nor paid for: without a budget of its own one
    partner could keep every web process at it. Raises RateLimitedError with Retry-After.
    """
    budget = take(
        f"items:{partner_id}",
        rate=settings.ATLASPAY_PREVIEW_ITEMS_PER_SECOND,
        burst=settings.ATLASPAY_PREVIEW_ITEMS_BURST,
        cost=count,
    )
    if not budget.allowed:
        wait_s = max(1, math.ceil(budget.retry_ms / 1000))
        raise RateLimitedError(
            f"Your dry runs used their budget of items. {count:,} fit again in {wait_s} s;"
            " submitting is not affected.",
            code="preview_budget_used",
            headers={"Retry-After": str(wait_s)},
        )


class KeyRateThrottle(BaseThrottle):
    """Refuse with 429 and Retry-After when the key's budget is used up."""

    budget: Budget | None = None

    def allow_request(self, request: Request, view: object) -> bool:
        """Take one request; requests without a key (the docs) are not counted here."""
        principal = principal_of(request)
        if principal is None:
            return True
        self.budget = take(
            principal.pk,
            rate=settings.ATLASPAY_RATE_PER_SECOND,
            burst=settings.ATLASPAY_RATE_BURST,
        )
        # The middleware writes these onto whatever answer this becomes.
        request._request.answer_headers = self.budget.headers()  # type: ignore[attr-defined]
        return self.budget.allowed

    def wait(self) -> float | None:
        """Return the seconds until the next request fits."""
        return None if self.budget is None else self.budget.retry_ms / 1000
