"""The processes of a run: started in groups of their own, restarted when they die, all stopped.

On Linux the kernel ends them too, should this process be killed.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from atlaspay.embedded import process
from atlaspay.run.errors import RunError

MAX_RESTARTS = 5
STOP_PATIENCE_S = 20.0
KILL_PATIENCE_S = 5.0
LOG_BYTES = 20_000_000


@dataclass
class Child:
    """One Procfile process with its log."""

    name: str
    command: str
    log: Path
    process: subprocess.Popen[bytes]
    restarts: int = 0
    restart_at: float | None = None  # monotonic seconds; None while it runs
    log_start: int = 0


@dataclass
class Children:
    """All processes of a run. `say` takes one line for the person who watches."""

    directory: Path
    environment: dict[str, str]
    root: Path
    say: Callable[[str], None]
    _children: dict[str, Child] = field(default_factory=dict)

    def run(self, name: str, command: str) -> None:
        """Run a command to its end; raises RunError with the last line it wrote if it fails."""
        child = self._spawn(name, command)
        try:
            code = child.process.wait()
        except BaseException:
            _end_group(child)
            raise
        if code:
            raise RunError(f"{name} failed ({_words(code)}): {_last_line(child)} - see {child.log}")

    def start(self, name: str, command: str) -> None:
        """Start a process and keep it running."""
        self._children[name] = self._spawn(name, command)

    def watch(self) -> None:
        """Restart what died, after a pause that grows; raises RunError for one that keeps dying."""
        for child in self._children.values():
            if child.restart_at is not None:
                if time.monotonic() >= child.restart_at:
                    again = self._spawn(child.name, child.command)
                    child.process, child.log_start = again.process, again.log_start
                    child.restart_at = None
                continue
            code = child.process.poll()
            if code is None:
                continue
            _end_group(child)
            child.restarts += 1
            if child.restarts > MAX_RESTARTS:
                raise RunError(f"{child.name} keeps dying: {_last_line(child)} - see {child.log}")
            self.say(
                f"{child.name} ended by itself ({_words(code)}): {_last_line(child)};"
                f" starting it again ({child.restarts} of {MAX_RESTARTS})"
            )
            child.restart_at = time.monotonic() + 0.5 * 2 ** (child.restarts - 1)

    def restarts(self) -> dict[str, int]:
        """Return how often each process had to be started again, where it had to."""
        return {child.name: child.restarts for child in self._children.values() if child.restarts}

    def stop(self) -> bool:
        """End all: politely, the last started first; then by force, with whatever they left.

        Returns whether there was anything to end.
        """
        children = list(reversed(self._children.values()))
        self._children.clear()
        for child in children:
            if child.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_PATIENCE_S
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            _end_group(child)
        return bool(children)

    def _spawn(self, name: str, command: str) -> Child:
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / f"{name}.log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as file:
            start = file.tell()
            script = command if "&&" in command else f"exec {command}"
            started = subprocess.Popen(  # noqa: S603 - the project's own Procfile
                [shutil.which("sh") or "/bin/sh", "-c", script],
                cwd=self.root,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=process.tie_to_parent(signal.SIGTERM),
            )
        return Child(name, command, log, started, log_start=start)


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a run's processes: ours, this Python's programs found first."""
    programs = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
        **more,
    }


def _end_group(child: Child) -> None:
    """End by force what is left of a child and of those it started; return when they are gone.

    A signal is on its way when killpg returns, and only the child itself can be waited for.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()
    deadline = time.monotonic() + KILL_PATIENCE_S
    while _group_lives(child.process.pid) and time.monotonic() < deadline:
        time.sleep(0.005)


def _group_lives(group: int) -> bool:
    """Say whether a process of the group still runs; one that only awaits its reaper does not."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    if sys.platform != "linux":
        return True
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group, *_ = stat.read_text().rpartition(")")[2].split()
            if int(its_group) == group and state not in "ZX":
                return True
    return False


def _words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _last_line(child: Child) -> str:
    """Return the last line that this start of the child wrote, facts of everyday work left out."""
    with child.log.open("rb") as file:
        file.seek(max(child.log_start, child.log.stat().st_size - 8_192))
        lines = file.read().decode(errors="replace").splitlines()
    telling = [line for line in lines if line.strip() and '"level": "info"' not in line]
    return telling[-1][:300] if telling else "it gave no reason"
