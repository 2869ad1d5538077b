"""The benchmark's webhook receiver: as little work as a careful receiver can do.

Every message's HMAC is verified by the text of Standard Webhooks 1.0 before it is counted; nothing
is shared with the sender's code. Kept are ids, types and the moment of arrival (Unix seconds).

POST /hooks takes a webhook (204, or 400). GET /stats, GET /arrivals. PUT /secrets
{"secrets": ["whsec_..."]} adds keys. POST /reset forgets arrivals.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections import Counter
from typing import Any

import httptools
import msgspec
import uvloop

TOLERANCE_S = 300
_HEAD = re.compile(rb'^\{"id":"(ev_[0-9a-z]+)","type":"([a-z_.]+)"')
_NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


class Ledger:
    """What has arrived; used on one event loop only."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.forget()

    def forget(self) -> None:
        """Forget what arrived, keep the keys."""
        self.received = self.duplicates = 0
        self.invalid: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.arrivals: dict[str, tuple[str, float]] = {}
        self.last_at = 0.0

    def take(self, headers: dict[bytes, bytes], body: bytes) -> bool:
        """Verify and count one message; say whether it was good."""
        now = time.time()
        self.received += 1
        fault = self._fault(headers, body, now)
        head = _HEAD.match(body)
        if fault is None and head is None:
            fault = "body is no event"
        if fault is not None or head is None:
            self.invalid[fault or ""] += 1
            return False
        self.last_at = now
        message_id = headers[b"webhook-id"].decode()
        if message_id in self.arrivals:
            self.duplicates += 1
            return True
        self.arrivals[message_id] = (head[1].decode(), now)
        self.types[head[2].decode()] += 1
        return True

    def _fault(self, headers: dict[bytes, bytes], body: bytes, now: float) -> str | None:
        try:
            message_id = headers[b"webhook-id"]
            sent_at = headers[b"webhook-timestamp"]
            signatures = headers[b"webhook-signature"].split(b" ")
        except KeyError as missing:
            return f"no {missing.args[0].decode()} header"
        if not sent_at.isdigit() or abs(now - int(sent_at)) > TOLERANCE_S:
            return "timestamp is too old or too new"
        signed = message_id + b"." + sent_at + b"." + body
        for key in self.keys:
            good = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
            if any(hmac.compare_digest(good, one) for one in signatures):
                return None
        return "no signature fits"

    def stats(self) -> dict[str, Any]:
        """Return the counters."""
        return {
            "received": self.received,
            "distinct": len(self.arrivals),
            "duplicates": self.duplicates,
            "invalid": dict(self.invalid),
            "types": dict(self.types),
            "last_at": self.last_at,
        }


class Connection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is no HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.close()

    def on_message_begin(self) -> None:
        """Start a request."""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._path = b""

    def on_url(self, url: bytes) -> None:
        """Collect the path."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """Collect a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer the request."""
        body = b"".join(self._body)
        match self._parser.get_method(), self._path:
            case b"POST", b"/reset":
                self._ledger.forget()
                self._write(_NO_CONTENT)
            case b"POST", _:
                good = self._ledger.take(self._headers, body)
                self._write(_NO_CONTENT if good else _json(400, {"error": "refused"}))
            case b"PUT", b"/secrets":
                for secret in msgspec.json.decode(body)["secrets"]:
                    self._ledger.keys.append(base64.b64decode(secret.removeprefix("whsec_")))
                self._write(_NO_CONTENT)
            case b"GET", b"/stats":
                self._write(_json(200, self._ledger.stats()))
            case b"GET", b"/arrivals":
                self._write(_json(200, list(self._ledger.arrivals.values())))
            case _:
                self._write(_json(404, {"error": "not found"}))

    def _write(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(answer)


def _json(status: int, value: Any) -> bytes:
    body = msgspec.json.encode(value)
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


async def serve(port: int) -> None:
    """Serve on 127.0.0.1 until the process is ended."""
    ledger = Ledger()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(ledger), "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
