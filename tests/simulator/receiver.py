"""A callback receiver for tests: keeps what arrives, answers what it is told to."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Received(NamedTuple):
    headers: dict[str, str]
    raw: bytes

    @property
    def event(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.raw)
        return parsed


class Receiver:
    """`statuses` are the answers to give, in turn; then 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.arrived: queue.Queue[Received] = queue.Queue()
        self.statuses: list[int] = []

    def next(self, timeout_s: float = 10) -> Received:
        """Wait for the next message; `queue.Empty` if none comes."""
        return self.arrived.get(timeout=timeout_s)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a receiver on a free port of the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            receiver.arrived.put(
                Received({name.lower(): value for name, value in self.headers.items()}, raw)
            )

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
