"""One POST to a stranger's server and what came of it: for deliveries and for checks alike.

Never follows a redirect, never reads more than 16 KB, never takes longer than the deadline, and
connects to public addresses only (guard.open_socket).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
from yarl import URL

from atlaspay.core import fanout
from webhooks import guard
from webhooks.delivery import certificate, names
from webhooks.delivery.result import KEPT_HEADERS, name_error
from webhooks.delivery.schedule import LATE_DEADLINE_S

KEPT_BYTES = 16 * 1024
CONNECT_S = 3.0
CONNECTIONS = 600  # below the usual limit of 1,024 open files

OPTIONS = fanout.SessionOptions(
    name="webhooks",
    connections=CONNECTIONS,
    connect_s=CONNECT_S,
    total_s=LATE_DEADLINE_S,
    headers={"user-agent": "AtlasPay-Webhooks/1", "content-type": "application/json"},
    socket_factory=guard.open_socket,
    resolver=names.WatchedResolver,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `http_status` is None where no status line came; `error` is empty for a 2xx.

    A 2xx whose body did not end in time keeps the remark in `detail`.
    """

    http_status: int | None
    error: str
    detail: str
    started_at: datetime
    duration_ms: int
    body: bytes = b""
    response_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_accepted(self) -> bool:
        """Say whether the receiver took the message."""
        return self.http_status is not None and 200 <= self.http_status < 300


async def post(
    fan: fanout.Fanout, url: URL, *, body: bytes, headers: dict[str, str], deadline_s: float
) -> Answer:
    """Send one message and return the answer; failures of the network are answers too."""
    started_at = datetime.now(UTC)
    started = time.perf_counter()
    status: int | None = None
    received, kept, error, detail = b"", {}, "", ""
    try:
        async with fan.session(OPTIONS).post(
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=deadline_s, sock_connect=CONNECT_S),
        ) as response:
            status = response.status
            kept = {n: _text(v) for n in KEPT_HEADERS if (v := response.headers.get(n))}
            received = await _first_bytes(response)
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as caught:
        error, detail = name_error(caught)
        if isinstance(caught, aiohttp.ClientConnectorCertificateError):
            detail = await certificate.words(caught, url)
        elif error == "timeout" and names.is_waiting_for(url.host):
            error, detail = "dns_timeout", "The name servers gave no answer before the deadline."
    if status is not None:
        # The status line decides; what happened to the rest of the answer is a remark.
        error = "" if 200 <= status < 300 else f"http_{status}"
    return Answer(
        http_status=status,
        error=error,
        detail=detail,
        started_at=started_at,
        duration_ms=round((time.perf_counter() - started) * 1000),
        body=received,
        response_headers=kept,
    )


def _text(header: str) -> str:
    """Return a header's text, cut; bytes that are no UTF-8 came as surrogates, which no JSON
    column takes.
    """
    return header[:300].encode("utf-8", "replace").decode()


async def _first_bytes(response: aiohttp.ClientResponse) -> bytes:
    """Read at most 16 KB; a longer answer costs the receiver its connection, not us memory."""
    kept = bytearray()
    while len(kept) < KEPT_BYTES:
        part = await response.content.read(KEPT_BYTES - len(kept))
        if not part:
            return bytes(kept)
        kept += part
        if response.content.at_eof():
            return bytes(kept)
    response.close()
    return bytes(kept)
