"""One sender an endpoint: the window of parallel calls holds over all workers, not in each.

A run holds an endpoint's lane in Redis while it sends to it; the other workers leave that endpoint
out. The lane of a worker that died is free after ten seconds. While Redis is away nobody waits for
it: every worker sends, two calls at a time to one endpoint.
"""

import logging
import time
import uuid
from collections.abc import Collection

import redis

from atlaspay.core.redis import client

log = logging.getLogger(__name__)

TTL_MS = 10_000
RENEW_S = 3.0
ALONE_WINDOW = 2
KEY = "atlaspay:webhooks:lane:"

_HOLD = """
local held = {}
for i, key in ipairs(KEYS) do
    local owner = redis.call('GET', key)
    if not owner or owner == ARGV[1] then
        redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
        held[#held + 1] = i
    end
end
return held
"""
_RELEASE = """
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
"""


class Lanes:
    """The lanes that one run holds. `is_coordinated` is False while Redis does not answer."""

    def __init__(self) -> None:
        self.is_coordinated = True
        self._token = uuid.uuid4().hex
        self._held: set[str] = set()
        self._renewed_at = 0.0

    def hold(self, endpoint_ids: Collection[str]) -> set[str]:
        """Take and renew what can be had of these lanes; return the endpoints that may be sent to.

        All of them where Redis is away; what counts then is ALONE_WINDOW.
        """
        wanted = sorted(self._held.union(endpoint_ids))
        if not wanted:
            return set()
        try:
            places = client().eval(
                _HOLD, len(wanted), *(KEY + one for one in wanted), self._token, TTL_MS
            )
        except redis.RedisError as error:
            if self.is_coordinated:
                log.warning("webhook.lanes_uncoordinated", extra={"error": type(error).__name__})
            self.is_coordinated = False
            return set(endpoint_ids)
        self.is_coordinated = True
        self._renewed_at = time.monotonic()
        self._held = {wanted[place - 1] for place in places}
        return self._held.intersection(endpoint_ids)

    def renew(self) -> None:
        """Keep what is held from running out; costs nothing while it is fresh."""
        if self._held and time.monotonic() - self._renewed_at > RENEW_S:
            self.hold(())

    def release(self, keep: Collection[str] = ()) -> None:
        """Give back all lanes but those of the endpoints to keep."""
        freed = self._held.difference(keep)
        self._held.difference_update(freed)
        if not freed:
            return
        try:
            client().eval(_RELEASE, len(freed), *(KEY + one for one in freed), self._token)
        except redis.RedisError:
            return  # they run out by themselves
