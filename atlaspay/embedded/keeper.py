"""The process that owns one embedded server: starts it, restarts it, stops it when nobody uses it.

Started by `lifecycle`, never by hand. It is the server's parent and its only signaller; on Linux
the kernel also stops the server should the keeper itself be killed.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from atlaspay.embedded import locks, paths
from atlaspay.embedded.errors import EmbeddedError
from atlaspay.embedded.postgres import Postgres
from atlaspay.embedded.valkey import Valkey

POLL_S = 0.2
MAX_RESTARTS = 5


class Server(Protocol):
    """What a keeper keeps."""

    notes: list[str]

    def start(self) -> str:
        """Start and return the URL once it answers; raises EmbeddedError."""

    def is_running(self) -> bool:
        """Say whether the server's process lives."""

    def stop(self) -> None:
        """Stop cleanly, in the end by force; safe to repeat."""


KINDS: dict[str, Callable[[Path], Server]] = {"postgres": Postgres, "valkey": Valkey}


class StopRequested(Exception):  # noqa: N818 - a request, not an error
    """A signal asked this keeper to stop."""


def main(name: str, start_lock: int) -> int:
    """Keep one server until its last user leaves; print one JSON line, `{url}` or `{error}`."""
    directory = paths.home() / name
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_stop)
    server = KINDS[name](directory)
    try:
        locks.take(directory / "keeper.lock", exclusive=True)
        (directory / "pinned").unlink(missing_ok=True)
        url = server.start()
        _write_state(directory, url)
        _answer({"url": url, "notes": server.notes})
        os.close(start_lock)
        _keep(directory, server)
    except StopRequested:
        pass
    except EmbeddedError as error:
        _log(str(error))
        _answer({"error": str(error), "notes": server.notes})
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        server.stop()
        (directory / "state.json").unlink(missing_ok=True)
        (directory / "pinned").unlink(missing_ok=True)
    return 0


def _keep(directory: Path, server: Server) -> None:
    """Watch until the last user is gone; returns with users.lock held, so that newcomers wait."""
    restarts = 0
    while True:
        time.sleep(POLL_S)
        if not server.is_running():
            restarts += 1
            if restarts > MAX_RESTARTS:
                raise EmbeddedError(
                    f"the embedded {directory.name} keeps dying: see {directory}/server.log"
                )
            _log(f"{directory.name} died; starting it again ({restarts} of {MAX_RESTARTS})")
            _write_state(directory, server.start())
        if not (directory / "pinned").exists() and locks.take(
            directory / "users.lock", exclusive=True, wait=False
        ):
            return


def _write_state(directory: Path, url: str) -> None:
    """Publish the URL in one step, in a closed file: the URL may carry a password."""
    draft = directory / "state.json.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        json.dump({"url": url, "keeper_pid": os.getpid()}, file)
    draft.replace(directory / "state.json")


def _answer(message: dict[str, object]) -> None:
    """Tell the starter; it may be gone by now, which changes nothing."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _log(message: str) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {message}\n")
    sys.stderr.flush()


def _raise_stop(number: int, _frame: object) -> None:
    raise StopRequested(signal.Signals(number).name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
