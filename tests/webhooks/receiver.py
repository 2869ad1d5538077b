"""A webhook receiver for tests, in this process or its own: counts, keeps, misbehaves on cue.

The path chooses the behaviour: `/ok`, `/status/503`, `/hang`, `/drip`, `/reset`, `/big`,
`/redirect`, `/gone`, `/retry-after/7`, `/slow/50` (milliseconds). Anything after it is free, so
that each endpoint has a URL of its own: `/ok/shop-1`.
"""

import asyncio
import ssl
import sys
import threading
from dataclasses import dataclass, field

from aiohttp import web

from tests.webhooks.partners_code import Handler, lower


@dataclass
class Received:
    """One request as it came."""

    path: str
    peer_port: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """The running receiver; by path, `answers` are statuses used up in order, and `handlers` decide
    by headers and body.
    """

    url: str = ""
    got: list[Received] = field(default_factory=list)
    answers: dict[str, list[int]] = field(default_factory=dict)
    handlers: dict[str, Handler] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    release: threading.Event = field(default_factory=threading.Event)
    in_flight: int = 0
    most_in_flight: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer as the path says."""
        body = await request.read()
        peer = request.transport.get_extra_info("peername") if request.transport else ("", 0)
        self.got.append(Received(request.path, peer[1], dict(request.headers), body))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._behave(request)
        finally:
            self.in_flight -= 1

    async def _behave(self, request: web.BaseRequest) -> web.StreamResponse:
        if handler := self.handlers.get(request.path):
            return web.Response(status=handler(lower(request), await request.read()))
        if location := self.redirects.get(request.path):
            return web.Response(status=308, headers={"location": location})
        if scripted := self.answers.get(request.path):
            return web.Response(status=scripted.pop(0))
        _, behaviour, *rest = request.path.split("/")
        if behaviour == "status":
            return web.Response(status=int(rest[0]), text="no")
        if behaviour == "hang":
            await self._hang()
        if behaviour == "slow":
            await asyncio.sleep(int(rest[0]) / 1000)
        if behaviour == "reset" and request.transport is not None:
            request.transport.abort()
        if behaviour == "redirect":
            return web.Response(status=302, headers={"location": "https://new.example/hooks"})
        if behaviour == "gone":
            return web.Response(status=410)
        if behaviour == "retry-after":
            return web.Response(status=429, headers={"retry-after": rest[0]})
        if behaviour == "big":
            return web.Response(body=b"x" * 10_000_000)
        if behaviour == "drip":
            answer = web.StreamResponse()
            await answer.prepare(request)
            for _ in range(600):
                await answer.write(b".")
                await asyncio.sleep(0.1)
        return web.Response(text="ok")

    async def _hang(self) -> None:
        """Answer nothing until the test says so, or a minute has gone by."""
        for _ in range(1200):
            if self.release.is_set():
                return
            await asyncio.sleep(0.05)


async def serve(
    receiver: Receiver, port: int = 0, context: ssl.SSLContext | None = None
) -> web.ServerRunner:
    """Listen on loopback, with TLS where a context is given, and fill in `receiver.url`."""
    runner = web.ServerRunner(web.Server(receiver.handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=1024, ssl_context=context)
    await site.start()
    host, bound = runner.addresses[0][:2]
    receiver.url = f"https://localhost:{bound}" if context else f"http://{host}:{bound}"
    return runner


class ReceiverThread:
    """Run a receiver beside the test."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.receiver = Receiver()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(
            serve(self.receiver, context=context), self._loop
        ).result(30)

    def stop(self) -> None:
        """Close every connection and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        mine = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not mine:
                task.cancel()
        await self._runner.shutdown()
        await self._runner.cleanup()


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    loop.run_until_complete(serve(Receiver(), int(sys.argv[1])))
    loop.run_forever()
