"""The platform's own processes against the test database and a sandbox bank, for end-to-end tests.

Each process is a group of its own, ended by its id; nothing outlives the `with` block.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import requests
from django.conf import settings
from django.db import connection

from atlaspay.core.redis import client as redis_client
from payouts.services import banking
from tests.simulator.bankproc import SECRET, BankProcess

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
WORKER = "intake,screening,dispatch,settlement,inquiry,default"


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_database_url() -> str:
    """Return the URL of the database this test run uses."""
    known = connection.settings_dict
    host = str(known["HOST"])
    auth = quote(known["USER"]) + (f":{quote(known['PASSWORD'])}" if known["PASSWORD"] else "")
    if host.startswith("/"):
        port = f"&port={known['PORT']}" if known["PORT"] else ""
        return f"postgresql://{auth}@/{known['NAME']}?host={quote(host, safe='')}{port}"
    port = f":{known['PORT']}" if known["PORT"] else ""
    return f"postgresql://{auth}@{host}{port}/{known['NAME']}"


test_database_url.__test__ = False  # type: ignore[attr-defined]


class Platform:
    """Processes of the Procfile as a test wants them; `bank` is the sandbox bank they talk to."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.bank = BankProcess(f"--journal={directory / 'bank.journal'}")
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._more = environment

    @property
    def url(self) -> str:
        """Return where the web process listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Platform":
        redis_client().flushdb()
        self.bank.start()
        self.environment = {
            **os.environ,
            "DATABASE_URL": test_database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "ATLASPAY_BASE_URL": self.url,
            "SANDBOX_BANK_URL": self.bank.url,
            "SANDBOX_BANK_WEBHOOK_SECRET": SECRET,
            "PORT": str(self.port),
            "LOG_LEVEL": "WARNING",
            **self._more,
        }
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.end(name, signal.SIGTERM)
        self.bank.stop()
        banking.rails.cache_clear()

    def start(self, name: str, *command: str) -> None:
        """Start a process group; its output goes to a file of that name."""
        with (self.directory / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [str(BIN / command[0]), *command[1:]],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_worker(self, queues: str = WORKER, name: str = "dispatch", size: int = 2) -> None:
        """Start a Celery worker for these queues."""
        flags = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING")
        self.start(
            name,
            *("celery", "-A", "atlaspay", "-q", "worker", "-n", f"{name}@%h", "-Q", queues),
            *("-c", str(size), *flags),
        )

    def start_beat(self) -> None:
        """Start beat."""
        self.start("beat", "celery", "-A", "atlaspay", "-q", "beat", "-S", "celery.beat:Scheduler")

    def start_web(self) -> None:
        """Start the web process and wait until it answers."""
        self.start(
            "web",
            *("granian", "--interface", "wsgi", "atlaspay.wsgi:application"),
            *("--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
            *("--blocking-threads", "1", "--http", "1", "--no-ws", "--log-level", "warning"),
        )
        self.wait_until(self._answers, 30)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except requests.ConnectionError:
            return False

    def end(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End a process group: SIGKILL as a crash would, SIGTERM as an operator."""
        process = self.running.pop(name)
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=20)
        except ProcessLookupError:
            process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=5)
        # A Celery child outlives a killed parent for a moment; the group is what we end.
        with_group = subprocess.run(
            ["pgrep", "-g", str(process.pid)], capture_output=True, text=True, check=False
        )
        for pid in with_group.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    def wait_until(self, holds: Callable[[], bool], patience_s: float) -> None:
        """Wait for a condition; fail with the processes' last words."""
        until = time.monotonic() + patience_s
        while not holds():
            if time.monotonic() > until:
                raise AssertionError("waited in vain\n" + self.last_words())
            time.sleep(0.05)

    def last_words(self) -> str:
        """Return the end of each process's log."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text()[-3000:]}"
            for log in sorted(self.directory.glob("*.log"))
        )
