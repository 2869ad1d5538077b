"""HTTP/1.1 on httptools: connections in, exchanges out; it knows nothing of banking.

A handler gets an Exchange and answers it once, now or from a timer; no coroutine and no task per
request. Requests of one connection are answered in their order (pipelining). Bodies are limited to
64 KB (413), head to 16 KB (431), malformed input is answered 400; all three end the connection.
"""

import asyncio
import struct
import time
from collections import deque
from socket import SO_LINGER, SOL_SOCKET
from typing import cast

import httptools

from payouts.rails.simulator.exchange import Exchange, Handler

BODY_LIMIT = 64 * 1024
HEAD_LIMIT = 16 * 1024
PIPELINE_LIMIT = 32
IDLE_LIMIT_S = 75.0
CLOSE_GRACE_S = 1.0
_KEPT = frozenset({b"authorization", b"idempotency-key", b"accept", b"expect", b"content-length"})


class Connection(asyncio.Protocol):
    """One client connection; hands its exchanges to the handler one after the other."""

    def __init__(self, handler: Handler, open_connections: "set[Connection]") -> None:
        self._handler = handler
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._incoming: Exchange | None = None
        self._chunks: list[bytes] = []
        self._head_bytes = 0
        self._body_bytes = 0
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._refusing = False
        self._ended = False
        self._writable = True
        self._dispatching = False
        self._last_seen_s = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    # Transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._open.add(self)
        self._last_seen_s = time.monotonic()
        self._watch_idleness()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._open.discard(self)
        self._waiting.clear()
        if self._idle_timer is not None:
            self._idle_timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._last_seen_s = time.monotonic()
        if self._refusing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "upgrade_refused", "This server speaks HTTP/1.1 only.")
        except httptools.HttpParserError:
            self._refuse(400, "malformed_request", "The request is not well-formed HTTP/1.1.")
        self._dispatch()

    def eof_received(self) -> bool:
        self._ended = True
        return self._current is not None or bool(self._waiting)

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._dispatch()

    # Parser.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = {}
        self._chunks = []
        self._head_bytes = 0
        self._body_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_head(len(name) + len(value))
        name = name.lower()
        if name in _KEPT:
            self._headers[name] = value

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_LIMIT and not self._refusing:
            self._refuse(431, "head_too_large", "Request line and headers exceed 16 KB.")

    def on_headers_complete(self) -> None:
        headers = self._headers
        if int(headers.get(b"content-length", b"0") or b"0") > BODY_LIMIT:
            self._refuse_body()
        elif headers.get(b"expect", b"").lower() == b"100-continue" and self._transport:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > BODY_LIMIT:
            self._refuse_body()
        else:
            self._chunks.append(body)

    def _refuse_body(self) -> None:
        self._refuse(413, "body_too_large", "The request body exceeds 64 KB.")

    def on_message_complete(self) -> None:
        if self._refusing:
            return
        exchange = Exchange(self, self._parser.get_method().decode("ascii"), self._url)
        exchange.headers = self._headers
        exchange.body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        exchange.keep_alive = self._parser.should_keep_alive()
        self._waiting.append(exchange)
        if len(self._waiting) == PIPELINE_LIMIT and self._transport is not None:
            self._transport.pause_reading()

    # Answers.

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Queue an error as this connection's last answer; what follows on it is not read."""
        if self._refusing:
            return
        self._refusing = True
        exchange = Exchange(self, "-", b"-")
        exchange.keep_alive = False
        exchange.refusal = (status, code, message)
        self._waiting.append(exchange)

    def _dispatch(self) -> None:
        """Hand over waiting exchanges until one is not answered at once."""
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._waiting and self._current is None and self._writable:
                if len(self._waiting) == PIPELINE_LIMIT and self._transport is not None:
                    self._transport.resume_reading()
                exchange = self._current = self._waiting.popleft()
                if exchange.refusal is not None:
                    exchange.send_error(*exchange.refusal)
                else:
                    self._handler(exchange)
        finally:
            self._dispatching = False

    def finish(self, exchange: Exchange, data: bytes) -> None:
        """Write the answer to the current exchange and go on with the next."""
        self._current = None
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        if not exchange.keep_alive:
            self._refusing = True
            self._waiting.clear()
            if exchange.refusal is None or self._ended:
                transport.close()
            else:
                # Closing with unread input would reset the connection and lose the answer.
                asyncio.get_running_loop().call_later(CLOSE_GRACE_S, transport.close)
        elif self._ended and not self._waiting:
            transport.close()
        else:
            self._dispatch()

    def abort(self) -> None:
        """Reset the connection at once."""
        transport = self._transport
        if transport is None:
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _watch_idleness(self) -> None:
        idle_s = time.monotonic() - self._last_seen_s
        if self._current is None and idle_s >= IDLE_LIMIT_S:
            self.close()
            return
        wait_s = IDLE_LIMIT_S - idle_s if idle_s < IDLE_LIMIT_S else IDLE_LIMIT_S
        loop = asyncio.get_running_loop()
        self._idle_timer = loop.call_later(wait_s, self._watch_idleness)
