"""Looking names up as always, while knowing which look-ups have not come back.

That is how a timeout can be told to be the name server's.
"""

import socket
from collections import Counter

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

_waiting: Counter[str] = Counter()


class WatchedResolver(AbstractResolver):
    """The system's resolver in threads; used on one loop."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError."""
        _waiting[host] += 1
        try:
            return await self._inner.resolve(host, port, family)
        finally:
            _waiting[host] -= 1
            if not _waiting[host]:
                del _waiting[host]

    async def close(self) -> None:
        """Close what is inside."""
        await self._inner.close()


def is_waiting_for(host: str | None) -> bool:
    """Say whether a look-up of this host has been asked for and not been answered."""
    return bool(host) and host in _waiting
