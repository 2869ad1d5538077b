"""How many keys that do not work one address has sent this minute, in Redis.

Only asked when a key was refused: requests with a valid key, also from the same address, cost and
feel nothing of it. Without Redis nobody is throttled: the database refuses the key all the same.
"""

import logging
import time
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import redis
from django.conf import settings
from redis.commands.core import Script

from atlaspay.core.peer import network_of
from atlaspay.core.redis import client

log = logging.getLogger(__name__)

WINDOW_S = 60
REDIS_PAUSE_S = 1.0

# The count and the window's end are one step, so no counter is left without an end.
_COUNT = """
local failures = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]); left = tonumber(ARGV[1]) end
return {failures, left}
"""

_away_until = 0.0


def forget_all() -> None:
    """Drop this process's opinion of Redis (tests)."""
    global _away_until
    _away_until = 0.0


def count(address: IPv4Address | IPv6Address | None) -> int:
    """Count one refused key; return the seconds this address should wait, 0 while it has tries
    left.
    """
    # One pause a process: a dead Redis must not cost each refusal a timeout.
    global _away_until
    if time.monotonic() < _away_until:
        return 0
    place = network_of(address) if address else "unknown"
    try:
        failures, left_ms = _script()(keys=[f"atlaspay:guesses:{place}"], args=[WINDOW_S * 1000])
    except redis.RedisError as error:
        _away_until = time.monotonic() + REDIS_PAUSE_S
        log.warning("guesses.redis_away", extra={"error": type(error).__name__})
        return 0
    most = settings.ATLASPAY_KEY_FAILURES_PER_MINUTE
    if failures == most + 1:
        log.warning("guesses.throttled", extra={"peer": str(place)})
    return 0 if failures <= most else max(1, -(-left_ms // 1000))


@lru_cache(maxsize=1)
def _script() -> Script:
    return client().register_script(_COUNT)
