"""One HTTP request and the one answer it gets: JSON, XML, an error, a reset or silence."""

import email.utils
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import msgspec

JSON = b"application/json"
XML = b"application/xml"
_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nServer: sandbox-bank\r\n".encode()
    for status in HTTPStatus
}
_encode = msgspec.json.Encoder().encode


class Wire(Protocol):
    """The connection an exchange came over."""

    def finish(self, exchange: "Exchange", data: bytes) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class Exchange:
    """A request; exactly one of `send*`, `reset` and `drop` is to be called, once."""

    __slots__ = (
        "arrived_s",
        "body",
        "connection",
        "headers",
        "keep_alive",
        "method",
        "on_done",
        "path",
        "query",
        "refusal",
    )

    def __init__(self, connection: Wire, method: str, url: bytes) -> None:
        path, _, query = url.partition(b"?")
        self.connection = connection
        self.method = method
        self.path = path.decode("latin-1")
        self.query = query
        self.headers: dict[bytes, bytes] = {}
        self.body: bytes = b""
        self.keep_alive = True
        self.refusal: tuple[int, str, str] | None = None
        self.on_done: Callable[[Exchange, int | str], None] | None = None
        self.arrived_s = time.monotonic()

    def send_json(
        self, status: int, value: object, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> None:
        self.send(status, _encode(value), JSON, headers)

    def send_error(
        self,
        status: int,
        code: str,
        message: str,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        **more: object,
    ) -> None:
        """Answer with the bank's error object `{code, message, ...}`."""
        self.send_json(status, {"code": code, "message": message, **more}, headers)

    def send(
        self,
        status: int,
        body: bytes,
        content_type: bytes = JSON,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """Write the answer and let the connection go on to its next request."""
        parts = [
            _LINES[status],
            b"Date: %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
            % (http_date(), content_type, len(body)),
        ]
        parts.extend(b"%b: %b\r\n" % header for header in headers)
        parts.append(b"\r\n" if self.keep_alive else b"Connection: close\r\n\r\n")
        if self.method != "HEAD":
            parts.append(body)
        self._done(status)
        self.connection.finish(self, b"".join(parts))

    def reset(self) -> None:
        """Break the connection with a TCP reset and no answer."""
        self._done("reset")
        self.connection.abort()

    def drop(self) -> None:
        """Close the connection with no answer."""
        self._done("no_answer")
        self.connection.close()

    def _done(self, result: int | str) -> None:
        if self.on_done is not None:
            self.on_done(self, result)


Handler = Callable[[Exchange], None]

_date_text: tuple[int, bytes] = (-1, b"")


def http_date() -> bytes:
    """Return the Date header's value, made once a second."""
    global _date_text
    second = int(time.time())
    if _date_text[0] != second:
        _date_text = (second, email.utils.formatdate(second, usegmt=True).encode())
    return _date_text[1]
