"""A home for embedded servers in a test: programs run in it, and what of it still lives."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys
from atlaspay import embedded
print(*embedded.ensure(), flush=True)
sys.stdin.read()
"""
PATIENCE_S = 30


@dataclass(frozen=True)
class Home:
    """An ATLASPAY_HOME of its own; the test run's servers are hidden from programs run in it."""

    path: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a shell that names no servers."""
        hidden = ("DATABASE_URL", "REDIS_URL", "ATLASPAY_TEST_", "PYTEST_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        return {**kept, "ATLASPAY_HOME": str(self.path), "PYTHONPATH": str(ROOT), **more}

    def run(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments to its end."""
        return subprocess.run(
            [sys.executable, *words],
            env=self.environment(**more),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def sql(self, statement: str) -> str:
        """Run one statement on servers that are started for it; returns the first value."""
        code = (
            "import os, sys, psycopg\n"
            "with psycopg.connect(os.environ['DATABASE_URL']) as c:\n"
            "    rows = c.execute(sys.argv[1])\n"
            "    print(rows.fetchone()[0] if rows.description else 'done')\n"
        )
        words = ["-m", "atlaspay.embedded", "exec", "--", sys.executable, "-c", code, statement]
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextlib.contextmanager
    def user(self) -> Iterator["User"]:
        """Run a process that holds both servers until the block ends."""
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD],
            env=self.environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield User(process)
        finally:
            process.kill() if process.poll() is not None else process.communicate()

    def living(self) -> list[str]:
        """Return the command lines of living processes that carry this home's path."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                environment = (entry / "environ").read_bytes()
                if words and os.fsencode(self.path) in words + environment:
                    found.append(f"{entry.name} {words.decode().replace(chr(0), ' ')}")
        return found

    def await_empty(self) -> None:
        """Wait until nothing of this home lives; fails after the patience with what does."""
        deadline = time.monotonic() + PATIENCE_S
        while self.living():
            assert time.monotonic() < deadline, self.living()
            time.sleep(0.05)

    def postmaster(self) -> int:
        """Return the postmaster's process id."""
        pid = (self.path / "postgres" / "data" / "postmaster.pid").read_text(encoding="ascii")
        return int(pid.split()[0])


class User:
    """A process that holds the servers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline().split()
        assert len(line) == 2, process.stderr.read() if process.stderr else ""
        self.database_url, self.redis_url = line

    def kill(self) -> None:
        """End it without warning."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
