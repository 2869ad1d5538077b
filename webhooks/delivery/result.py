"""What one attempt came to, and how a failure of the network is named. Knows no database."""

import asyncio
import errno
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

import aiohttp

from webhooks.delivery.breaker import Sign
from webhooks.delivery.claim import Claimed

MISCONFIGURED = frozenset({401, 403, 404})
KEPT_HEADERS = ("content-type", "date", "location", "retry-after", "server", "via", "cf-ray")


class Outcome(Enum):
    """How a send ended. `UNSENT`: nothing left this process, and the attempt is given back."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    FAILED = "failed"
    UNSENT = "unsent"


@dataclass(frozen=True, slots=True)
class Result:
    """One finished attempt. `body` holds at most the first 16 KB of the answer."""

    item: Claimed
    outcome: Outcome
    http_status: int | None = None
    error: str = ""
    detail: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    started_at: datetime | None = None
    duration_ms: int = 0
    retry_after_s: float | None = None
    unsent_delay_s: float = 0.0
    is_saturated: bool = False

    @property
    def is_gone(self) -> bool:
        """Say whether the receiver asked never to be called again (410)."""
        return self.http_status == 410

    @property
    def is_misconfigured(self) -> bool:
        """Say whether the answer looks like a wrong address or a login page."""
        return self.http_status in MISCONFIGURED

    @property
    def sign(self) -> Sign | None:
        """Return what this says of the endpoint's health; None where nothing was sent."""
        if self.outcome is Outcome.UNSENT:
            return None
        if self.outcome is Outcome.DELIVERED:
            return Sign.OK
        if self.http_status is None:
            return Sign.UNREACHABLE
        return Sign.OVERLOADED if self.http_status in {429, *range(500, 600)} else Sign.ANSWERED


def name_error(error: BaseException) -> tuple[str, str]:
    """Return (stable code, sentence for the partner) of a failed call."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "connect_timeout", "No TCP and TLS connection within 3 seconds."
    if isinstance(error, asyncio.TimeoutError):
        return "timeout", "No complete answer before the deadline."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns", "The host name could not be resolved."
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "tls_certificate", "The certificate was not accepted."
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls", "The TLS handshake failed."
    if isinstance(error, aiohttp.ClientConnectorError):
        return _connection(error.os_error)
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError | aiohttp.ClientOSError):
        return "connection_reset", "The connection was closed before an answer came."
    return "bad_http", "The answer is not valid HTTP."


def _connection(error: OSError) -> tuple[str, str]:
    if error.errno == errno.EACCES:
        return "address_refused", "The host name leads to an address that is not public."
    if error.errno == errno.ECONNREFUSED:
        return "connection_refused", "Nothing listens at the address (connection refused)."
    return "unreachable", "The host could not be reached."


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date (RFC 9110). None where it is neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), 10**8))
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now) / timedelta(seconds=1))
