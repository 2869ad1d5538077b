"""One Redis client a process: short timeouts, because nothing that needs it may wait for it."""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


@lru_cache(maxsize=1)
def client() -> "redis.Redis":
    """Return the shared client (thread-safe, connects lazily)."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=1.0,
        socket_connect_timeout=1.0,
        health_check_interval=15,
        socket_keepalive=True,
        # Once, at once, for a connection gone stale. The library's default waits for seconds.
        retry=Retry(NoBackoff(), 1),
    )
