"""Many HTTP calls at once from a synchronous worker: one thread, one loop, named aiohttp sessions.

Knows no Django and must never be handed a database connection: what a coroutine needs is read
before, what it found is written after. Safe with fork: a child starts its own thread and never
touches its parent's sockets.
"""

import asyncio
import atexit
import os
import socket
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver

try:
    import uvloop
except ImportError:  # pragma: no cover - not on Windows
    new_loop = asyncio.new_event_loop
else:
    new_loop = uvloop.new_event_loop

T = TypeVar("T")
SocketFactory = Callable[[tuple[Any, ...]], socket.socket]

RESOLVER_THREADS = 32  # one peer's slow name server must not hold up everybody's look-ups
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class SessionOptions:
    """One long-lived session, known by `name`; proxies of the environment are ignored.

    Each call passes `allow_redirects=False` itself. `connections` bounds all open sockets,
    `per_host` those to one peer (0: no bound). `total_s` is a true deadline from the start of a
    call to the last byte read, waiting for a free connection included; `connect_s` bounds TCP and
    TLS. `socket_factory` receives each resolved address and returns a socket, or raises OSError to
    refuse that address. `resolver` makes the session's own resolver.
    """

    name: str
    connections: int = 200
    per_host: int = 0
    connect_s: float = 3.0
    total_s: float = 20.0
    keepalive_s: float = 30.0
    dns_cache_s: int = 10
    read_bufsize: int = 2**16
    headers: Mapping[str, str] = field(default_factory=dict)
    socket_factory: SocketFactory | None = None
    resolver: Callable[[], AbstractResolver] | None = None


class Fanout:
    """The loop of one process. Use the module's `submit` and `session`; the class is for tests."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = new_loop()
        self._executor = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="fanout-dns")
        self.loop.set_default_executor(self._executor)
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._thread = threading.Thread(target=self._run, name="fanout", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run `coroutine` on the loop; its future may be waited for in any other thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def session(self, options: SessionOptions) -> aiohttp.ClientSession:
        """Return the session of that name, opened on first use; only inside this loop."""
        known = self._sessions.get(options.name)
        if known is not None and not known.closed:
            return known
        connector = aiohttp.TCPConnector(
            limit=options.connections,
            limit_per_host=options.per_host,
            keepalive_timeout=options.keepalive_s,
            ttl_dns_cache=options.dns_cache_s,
            socket_factory=options.socket_factory,
            resolver=options.resolver() if options.resolver else None,
        )
        made = aiohttp.ClientSession(
            connector=connector,
            connector_owner=True,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=options.headers,
            timeout=aiohttp.ClientTimeout(total=options.total_s, sock_connect=options.connect_s),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=options.read_bufsize,
        )
        self._sessions[options.name] = made
        return made

    def stop(self) -> None:
        """Cancel what is in flight, close the sessions, end the thread. Safe to repeat."""
        if self.loop.is_closed() or self.pid != os.getpid():
            return
        if self._thread.is_alive():
            closing = self.submit(self._close())
            try:
                closing.result(STOP_TIMEOUT_S)
            except TimeoutError:
                closing.cancel()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(STOP_TIMEOUT_S)
        self._executor.shutdown(wait=False, cancel_futures=True)
        if not self._thread.is_alive():
            self.loop.close()

    async def _close(self) -> None:
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not mine]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


_lock = threading.Lock()
_current: Fanout | None = None
# Kept alive in a forked child: finalising them would write to the parent's connections.
_inherited: list[Fanout] = []


def current() -> Fanout:
    """Return this process's fan-out, started on first use."""
    global _current
    with _lock:
        if _current is None or _current.loop.is_closed():
            _current = Fanout()
        return _current


def submit(coroutine: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a coroutine on this process's loop and return at once with its future."""
    return current().submit(coroutine)


def session(options: SessionOptions) -> aiohttp.ClientSession:
    """Return the session named in `options`; only inside a coroutine given to `submit`."""
    return current().session(options)


def stop() -> None:
    """Stop this process's fan-out, if there is one; the next `submit` starts another."""
    global _current
    with _lock:
        stopped, _current = _current, None
    if stopped is not None:
        stopped.stop()


def _forget_in_child() -> None:
    global _lock, _current
    _lock = threading.Lock()
    if _current is not None:
        _inherited.append(_current)
        _current = None


os.register_at_fork(after_in_child=_forget_in_child)
atexit.register(stop)
