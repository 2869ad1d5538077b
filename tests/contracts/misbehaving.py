"""A bank made of raw sockets that can misbehave in every way a peer can.

It runs on a thread and a loop of its own, so that both the fan-out's aiohttp and the blocking
look-ups can be pointed at it. `plays` are taken in order, one a request; the last one repeats.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

Play = Callable[["Peer"], Awaitable[None]]


@dataclass
class Seen:
    """One request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """One connection, in the hands of a play."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: list[Seen]
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.seen = seen
        self.is_closed = False

    async def read(self) -> Seen:
        """Read a whole request and remember it."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        found = Seen(method, target, headers, body)
        self.seen.append(found)
        return found

    async def send(self, data: bytes) -> None:
        """Write raw bytes."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        self.is_closed = True

    def close(self) -> None:
        """End the connection in good order."""
        self.writer.close()
        self.is_closed = True


def http(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """Return the bytes of an answer; `length` lies about the body's."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode("latin-1") + body


def answer(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> Play:
    """Read the request, answer, keep the connection (or close it where the length lies)."""

    async def play(peer: Peer) -> None:
        await peer.read()
        await peer.send(http(status, body, *headers, length=length))
        if length is not None:
            peer.close()

    return play


def raw(data: bytes) -> Play:
    """Read the request, write these bytes, close."""

    async def play(peer: Peer) -> None:
        await peer.read()
        await peer.send(data)
        peer.close()

    return play


async def reset_before_reading(peer: Peer) -> None:
    """Accept the connection and break it."""
    peer.reset()


async def reset_after_reading(peer: Peer) -> None:
    """Read the request, then break the connection."""
    await peer.read()
    peer.reset()


async def close_after_reading(peer: Peer) -> None:
    """Read the request, then close without a word."""
    await peer.read()
    peer.close()


async def hang(peer: Peer) -> None:
    """Read the request and never answer."""
    await peer.read()
    await asyncio.Event().wait()


async def drip(peer: Peer) -> None:
    """Answer one byte at a time, for ever."""
    await peer.read()
    await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        await peer.send(b" ")
        await asyncio.sleep(0.02)


async def flood(peer: Peer) -> None:
    """Answer with a body that does not end."""
    await peer.read()
    await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while True:
            await peer.send(b"4000\r\n" + b" " * 0x4000 + b"\r\n")


@dataclass
class MisbehavingBank:
    """The server; `seen` has what it read."""

    plays: list[Play] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.port}"

    def will(self, *plays: Play) -> None:
        """Set what it does with the next requests."""
        self.plays[:] = plays

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, self.seen)
        try:
            while not peer.is_closed:
                play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
                if play is not reset_before_reading and not await self._has_request(reader):
                    self.plays.insert(0, play)
                    break
                await play(peer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            with contextlib.suppress(ConnectionError):
                writer.close()

    @staticmethod
    async def _has_request(reader: asyncio.StreamReader) -> bool:
        """Wait for the first byte of the next request; it stays in the buffer."""
        while not reader._buffer:
            if reader.at_eof():
                return False
            await reader._wait_for_data("read")
        return True


@contextlib.contextmanager
def misbehaving_bank() -> Iterator[MisbehavingBank]:
    """Run one on a free port."""
    bank = MisbehavingBank()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop = asyncio.Event()

    async def main() -> None:
        server = await asyncio.start_server(bank._serve, "127.0.0.1", 0)
        bank.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def run() -> None:
        loop.run_until_complete(main())
        loop.close()

    thread = threading.Thread(target=run, name="misbehaving-bank")
    thread.start()
    ready.wait(5)
    try:
        yield bank
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
