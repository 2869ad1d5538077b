"""One POST to a bank, and what its failure proves: never sent, or nobody knows.

The line is drawn at the connection. Before it stands nothing was sent; from then on every failure
is unknown, because the bank may have read the request before the answer was lost.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from payouts.rails.base import Unavailable, Unknown

ANSWER_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer whose status line and headers were read; `raw` is None if its body was not."""

    status: int
    headers: Mapping[str, str]
    raw: bytes | None

    @property
    def digest(self) -> bytes | None:
        """SHA-256 of the raw body, kept as evidence."""
        return None if self.raw is None else hashlib.sha256(self.raw).digest()


async def post(
    session: aiohttp.ClientSession, url: URL, body: bytes, headers: Mapping[str, str]
) -> Reply | Unavailable | Unknown:
    """Send once, follow no redirect, and say what came back or what is certain without an answer.

    The session's timeouts hold. aiohttp repeats no POST by itself, also not on a stale connection.
    """
    if session.closed:
        return Unavailable(detail="the session was closed before the call")
    try:
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            return Reply(response.status, response.headers, await _body(response))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return Unavailable(detail=f"no connection: {_name(error)}")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RuntimeError) as error:
        # ValueError: a header that cannot be decoded. RuntimeError: the session closed meanwhile.
        return Unknown(detail=f"no answer: {_name(error)}")


async def _body(response: aiohttp.ClientResponse) -> bytes | None:
    """Read a body of bounded size; None if it is longer, cut short, or never ends in time."""
    kept = bytearray()
    try:
        if (response.content_length or 0) > ANSWER_LIMIT:
            response.close()
            return None
        async for piece in response.content.iter_any():
            kept += piece
            if len(kept) > ANSWER_LIMIT:
                response.close()
                return None
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    return bytes(kept)


def _name(error: BaseException) -> str:
    cause = error.__cause__ or getattr(error, "os_error", None)
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")
