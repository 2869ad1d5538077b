"""Processes of a benchmark: Procfile commands in groups of their own, all ended by pid.

Nothing is restarted: a process that dies makes the figure worthless and is reported. On Linux the
kernel ends them too, should the benchmark itself be killed.
"""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from atlaspay.embedded import process

ROOT = Path(__file__).resolve().parent.parent
STOP_PATIENCE_S = 15.0


class BenchError(Exception):
    """The benchmark cannot go on; the text is one line and says what to look at."""


@dataclass
class Processes:
    """What runs; `roots` maps a role to the pid at the top of its process tree."""

    logs: Path
    environment: Mapping[str, str]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, role: str, command: str) -> None:
        """Start a shell command line; output goes to `<logs>/<role>.log`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{role}.log").open("ab") as log:
            self._running[role] = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=process.tie_to_parent(signal.SIGTERM),
            )

    def run(self, role: str, words: Sequence[str]) -> str:
        """Run a program to its end and return its output; raises BenchError with its last line."""
        done = subprocess.run(
            list(words),
            cwd=ROOT,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise BenchError(f"{role} failed with exit code {done.returncode}: {said[-1]}")
        return done.stdout

    def roots(self) -> dict[str, int]:
        """Return the pid of each role's first process."""
        return {role: child.pid for role, child in self._running.items()}

    def require_all(self) -> None:
        """Raise BenchError if any process has ended."""
        for role, child in self._running.items():
            if child.poll() is not None:
                raise BenchError(f"{role} ended ({child.returncode}): {self.last_line(role)}")

    def last_line(self, role: str) -> str:
        """Return the last line a role wrote."""
        text = (self.logs / f"{role}.log").read_text(encoding="utf-8", errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1][:300] if lines else "it wrote nothing"

    def stop(self) -> None:
        """End all, the last started first: politely, then by force with whatever they left."""
        children = list(reversed(self._running.values()))
        self._running.clear()
        for child in children:
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + STOP_PATIENCE_S
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def environment(**more: str) -> dict[str, str]:
    """Return our environment with this Python's programs found first, and `more`."""
    programs = str(Path(sys.executable).parent)
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **more}


def procfile() -> dict[str, str]:
    """Return the commands of the Procfile's lasting processes: what is measured is what is run."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(":") for line in lines if line.strip() and not line.startswith("#"))
    found = {name.strip(): command.strip() for name, _, command in pairs}
    found.pop("release", None)
    return found


def python(*words: str) -> str:
    """Return a command line that runs this very Python."""
    return shlex.join([sys.executable, *words])


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int, processes: Processes, *, patience_s: float = 60.0) -> None:
    """Wait until something listens on 127.0.0.1; raises BenchError when nothing does."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        processes.require_all()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise BenchError(f"nothing listens on port {port} after {patience_s:.0f} s")


def await_http(url: str, processes: Processes, *, patience_s: float = 60.0) -> None:
    """Wait until `url` answers 2xx; raises BenchError when it does not or a process has died."""
    deadline = time.monotonic() + patience_s
    said = "nothing listens"
    while time.monotonic() < deadline:
        processes.require_all()
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
                if answer.status < 300:
                    return
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read()[:300].decode(errors='replace')}"
        except OSError as error:
            said = str(error)
        time.sleep(0.1)
    raise BenchError(f"{url} is not ready after {patience_s:.0f} s: {said}")
