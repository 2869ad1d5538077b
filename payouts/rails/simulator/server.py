"""Runs the sandbox bank: opens the journal and the port, routes, and stops on SIGTERM or SIGINT."""

import asyncio
import errno
import gc
import ipaddress
import os
import signal
import sys
from pathlib import Path

import msgspec
import uvloop

from payouts.rails.simulator.callbacks import SecretError
from payouts.rails.simulator.control_plane import ControlPlane
from payouts.rails.simulator.data_plane import DataPlane
from payouts.rails.simulator.exchange import Exchange, Handler
from payouts.rails.simulator.http import Connection
from payouts.rails.simulator.journal import Journal, JournalError
from payouts.rails.simulator.queries import not_found
from payouts.rails.simulator.sandbox import Options, Sandbox

DEMO_API_KEY = "sandbox-bank-demo-key"
# base64 of "sandbox-bank-demo-secret-not-for-production"
DEMO_WEBHOOK_SECRET = "whsec_c2FuZGJveC1iYW5rLWRlbW8tc2VjcmV0LW5vdC1mb3ItcHJvZHVjdGlvbg=="  # noqa: S105 - public
DEFAULT_PORT = 8100
BACKLOG = 1024


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    api_key: str = DEMO_API_KEY,
    webhook_secret: str = DEMO_WEBHOOK_SECRET,
    webhook_url: str | None = None,
    journal_path: Path | None = None,
    request_log: int = 10_000,
) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code, 1 with one line on stderr if it cannot.

    `port` 0 takes a free one; the `sandbox_bank.ready` line on stdout names it.
    """
    options = Options(
        api_key=api_key,
        webhook_secret=webhook_secret,
        webhook_url=webhook_url,
        request_log=request_log,
        control_needs_key=not _is_loopback(host),
    )
    # Nothing the bank keeps is cyclic, and a full collection over a big book costs half a second.
    gc.set_threshold(100_000, 50, 1_000)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(_run(host, port, options, journal_path))
        except (JournalError, SecretError) as exc:
            return _fail(str(exc))
        except OSError as exc:
            return _fail(_bind_problem(exc, host, port))


async def _run(host: str, port: int, options: Options, journal_path: Path | None) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    journal = None if journal_path is None else Journal(journal_path)
    sandbox = Sandbox(options, journal, loop)
    connections: set[Connection] = set()
    handler = router(sandbox)
    # The port first: a second bank must fail before it touches anything.
    server = await loop.create_server(
        lambda: Connection(handler, connections), host, port, backlog=BACKLOG
    )
    replayed = sandbox.bank.open()
    sandbox.clock.start(loop)
    bound_port = server.sockets[0].getsockname()[1]
    _say("sandbox_bank.ready", host=host, port=bound_port, pid=os.getpid(), replayed=replayed)
    await stop.wait()
    server.close()
    for connection in tuple(connections):
        connection.close()
    await sandbox.courier.close()
    if journal is not None:
        journal.close()
    _say("sandbox_bank.stopped", transfers=len(sandbox.bank.transfers))
    return 0


def router(sandbox: Sandbox) -> Handler:
    """Return the handler that sends each exchange to its plane and logs the data plane's."""
    data_plane = DataPlane(sandbox).handle
    control_plane = ControlPlane(sandbox).handle
    log_request = sandbox.log_request

    def handle(exchange: Exchange) -> None:
        path = exchange.path
        if path.startswith("/v1/"):
            exchange.on_done = log_request
            data_plane(exchange)
        elif path.startswith("/_sim/"):
            control_plane(exchange)
        elif path == "/healthz":
            exchange.send_json(200, {"status": "ok"})
        else:
            not_found(exchange)

    return handle


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind_problem(exc: OSError, host: str, port: int) -> str:
    if exc.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken: stop what listens there, "
            "or set SANDBOX_BANK_PORT to a free port."
        )
    reason = exc.strerror or str(exc)
    return f"Cannot listen on {host} port {port} ({reason}): check SANDBOX_BANK_PORT."


def _fail(message: str) -> int:
    sys.stderr.write(f"sandbox bank: {message}\n")
    return 1


def _say(event: str, **fields: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode({"event": event, **fields}) + b"\n")
    sys.stdout.flush()
