"""The users' side of an embedded server: join it, start its keeper where it has none, let go of it.

Locks of a server's directory, always taken in this order: `users.lock` (shared by users, exclusive
for the keeper while it stops), `start.lock` (one starter at a time), `keeper.lock` (held by the
keeper for its whole life).
"""

import atexit
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from atlaspay.embedded import locks, paths
from atlaspay.embedded.errors import EmbeddedError

START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 60


@dataclass
class Hold:
    """This process's use of one server: its lock and, where we started it, its keeper."""

    directory: Path
    descriptor: int
    pid: int
    keeper: subprocess.Popen[str] | None = None


_holds: dict[Path, Hold] = {}


def attach_all(home: Path, names: list[str]) -> dict[str, str]:
    """Join or start several servers, side by side, and return their URLs by name."""
    directories = {name: paths.make_directory(paths.make_directory(home) / name) for name in names}
    started: dict[str, subprocess.Popen[str]] = {}
    urls: dict[str, str] = {}
    for directory in directories.values():
        _hold(directory)
    try:
        for name, directory in directories.items():
            start_lock = locks.take(directory / "start.lock", exclusive=True)
            url = running_url(directory)
            if url is None:
                started[name] = _spawn_keeper(home, name, start_lock)
            else:
                urls[name] = url
                os.close(start_lock or -1)
        for name, keeper in started.items():
            urls[name] = _await_ready(directories[name], keeper)
    except BaseException:
        release_all()
        raise
    return urls


def join(home: Path, name: str) -> str | None:
    """Hold a server that runs already and return its URL; None where none runs."""
    directory = home / name
    if not (directory / "state.json").is_file():
        return None
    if not _is_held(directory):
        descriptor = locks.take(directory / "users.lock", wait=False)
        if descriptor is None:
            return None
        _remember(Hold(directory, descriptor, os.getpid()))
    url = running_url(directory)
    if url is None:
        _let_go(_holds.pop(directory))
    return url


def absent_url(home: Path, name: str) -> str:
    """Return an address of the right kind at which connecting is refused at once."""
    if name == "postgres":
        return f"postgresql://atlaspay@/atlaspay?host={paths.socket_directory(home / name)}"
    return "redis://127.0.0.1:1/0"


def running_url(directory: Path) -> str | None:
    """Return the URL of a server whose keeper lives and has called it ready."""
    state = _state(directory)
    return str(state["url"]) if state else None


def keeper_pid(directory: Path) -> int | None:
    """Return the process id of a living keeper."""
    state = _state(directory)
    return int(state["keeper_pid"]) if state else None


def _state(directory: Path) -> dict[str, str | int]:
    """Read the state file; empty where no keeper lives, whose file says nothing then."""
    try:
        if locks.is_free(directory / "keeper.lock", exclusive=False):
            return {}
        return dict(json.loads((directory / "state.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}


def release_all() -> None:
    """Let go of every server; where nobody else uses one, wait until it has stopped."""
    holds = [hold for hold in _holds.values() if hold.pid == os.getpid()]
    _holds.clear()
    for hold in holds:
        _let_go(hold)
    for hold in holds:
        _await_stop(hold)


def _hold(directory: Path) -> None:
    if not _is_held(directory):
        descriptor = locks.take(directory / "users.lock")
        if descriptor is None:
            raise EmbeddedError(f"cannot lock {directory / 'users.lock'}")
        _remember(Hold(directory, descriptor, os.getpid()))


def _is_held(directory: Path) -> bool:
    hold = _holds.get(directory)
    return hold is not None and hold.pid == os.getpid()


def _remember(hold: Hold) -> None:
    if not _holds:
        atexit.unregister(release_all)
        atexit.register(release_all)
    _holds[hold.directory] = hold


def _let_go(hold: Hold) -> None:
    os.close(hold.descriptor)


def _spawn_keeper(home: Path, name: str, start_lock: int | None) -> subprocess.Popen[str]:
    """Start a keeper in a session of its own, out of reach of this terminal's Ctrl-C.

    It inherits the start lock and gives it up once ready, so a starter that dies leaves no gap.
    """
    directory = home / name
    with (directory / "keeper.log").open("a", encoding="utf-8") as log:
        keeper = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "atlaspay.embedded.keeper", name, str(start_lock)],
            cwd=paths.CHECKOUT,
            env={**os.environ, "ATLASPAY_HOME": str(home), "PYTHONPATH": str(paths.CHECKOUT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            pass_fds=[start_lock] if start_lock is not None else [],
        )
    if start_lock is not None:
        os.close(start_lock)
    _holds[directory].keeper = keeper
    return keeper


def _await_ready(directory: Path, keeper: subprocess.Popen[str]) -> str:
    """Read the keeper's one line: the URL, or why there is none."""
    line = keeper.stdout.readline() if keeper.stdout else ""
    try:
        answer = json.loads(line)
    except ValueError:
        raise EmbeddedError(
            f"the embedded {directory.name} did not start: see {directory / 'keeper.log'}"
        ) from None
    for note in answer.get("notes", []):
        sys.stderr.write(f"atlaspay: {note}\n")
    if "error" in answer:
        raise EmbeddedError(answer["error"])
    return str(answer["url"])


def _await_stop(hold: Hold) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while time.monotonic() < deadline:
        if locks.is_free(hold.directory / "keeper.lock", exclusive=False):
            break
        is_idle = locks.is_free(hold.directory / "users.lock")
        is_pinned = (hold.directory / "pinned").exists()
        has_other_users = not is_idle and locks.is_free(
            hold.directory / "users.lock", exclusive=False
        )
        if has_other_users or (is_idle and is_pinned):
            return
        time.sleep(0.05)
    if hold.keeper is not None:
        hold.keeper.wait(timeout=5)
