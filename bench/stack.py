"""The platform under test: servers of its own, migrated, with the Procfile's processes.

Ports are free ones. All lives in a directory of its own under ATLASPAY_HOME and is ended and
removed at the end.
"""

import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests

from atlaspay import embedded
from bench import meter
from bench.processes import (
    BenchError,
    Processes,
    await_http,
    environment,
    free_port,
    procfile,
    python,
)

BANK_LATENCY_MS = 20
NO_LIMIT = "1000000"


@dataclass(frozen=True)
class Tenant:
    """A partner that the benchmark acts as."""

    partner_id: str
    key: str
    endpoint_id: str
    secret: str


@dataclass
class Stack:
    """Addresses and handles of what runs."""

    home: Path
    processes: Processes
    database_url: str
    web_url: str
    bank_url: str
    receiver_url: str
    say: Callable[[str], None]
    tenant: Tenant
    run_count: int = 0

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection of our own, in autocommit."""
        return psycopg.connect(self.database_url, autocommit=True)

    @property
    def admin_url(self) -> str:
        """Return the address of the server's maintenance database."""
        return sibling(self.database_url, "postgres")

    def roots(self) -> dict[str, int]:
        """Return the process trees to be measured: all roles, both servers and ourselves."""
        roots = self.processes.roots()
        for name in embedded.VARIABLES:
            state = self.home / name / "state.json"
            if state.is_file():
                roots[name] = json.loads(state.read_text(encoding="utf-8"))["keeper_pid"]
        return roots

    def usage(self) -> dict[str, meter.Usage]:
        """Measure all roles now."""
        return meter.usage(self.roots())

    def manage(self, *words: str) -> str:
        """Run a management command to its end; raises BenchError if it fails."""
        return self.processes.run(words[0], [sys.executable, "manage.py", *words])

    def new_tenant(self, name: str, hook: str) -> Tenant:
        """Make one more partner whose webhooks go to `hook`."""
        return _seed(self.processes, name, hook)

    def ask(self, method: str, url: str, **more: Any) -> Any:
        """Call the bank's control plane or the receiver; returns the JSON, or None without one."""
        answer = requests.request(method, url, timeout=60, **more)
        if not answer.ok:
            said = f"{answer.status_code}: {answer.text[:200]}"
            raise BenchError(f"{method} {url} was answered {said}")
        return answer.json() if answer.content else None


@contextlib.contextmanager
def directory() -> Iterator[Path]:
    """Yield a fresh directory below ATLASPAY_HOME and remove it at the end.

    Those of benchmarks that were killed are removed too: their lock is free.
    """
    parent = embedded.home()
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob("bench-*/lock"):
        with old.open("rb") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old.parent, ignore_errors=True)
    home = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    if os.geteuid() == 0:
        home.chmod(0o711)  # the database server runs as another account and passes through
    try:
        with (home / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def servers(home: Path) -> Iterator[embedded.Servers]:
    """Yield an embedded PostgreSQL and Valkey of our own; whatever the environment names is left
    alone.
    """
    kept = {name: os.environ.pop(name, None) for name in embedded.VARIABLES.values()}
    try:
        yield embedded.ensure(at=home)
    finally:
        embedded.release()
        os.environ.update({name: value for name, value in kept.items() if value is not None})


@contextlib.contextmanager
def platform(
    say: Callable[[str], None], *, logs: Path | None = None, **variables: str
) -> Iterator[Stack]:
    """Start everything and yield it; `variables` are added to the processes' environment.

    With `logs` what the processes wrote is kept there.
    """
    started = time.monotonic()
    with directory() as home, servers(home) as found:
        ports = {name: free_port() for name in ("web", "bank", "receiver")}
        bank_url = f"http://127.0.0.1:{ports['bank']}"
        receiver_url = f"http://127.0.0.1:{ports['receiver']}"
        processes = Processes(
            logs or home / "logs",
            environment(
                ATLASPAY_HOME=str(home),
                PORT=str(ports["web"]),
                SANDBOX_BANK_PORT=str(ports["bank"]),
                ATLASPAY_RATE_PER_SECOND=NO_LIMIT,
                ATLASPAY_RATE_BURST=NO_LIMIT,
                LOG_LEVEL="WARNING",
                **variables,
            ),
        )
        try:
            say("migrate")
            processes.run("migrate", [sys.executable, "manage.py", "migrate", "--verbosity", "0"])
            _copy_schema(found.database_url)
            words = ("-m", "bench.receiver", "--port", str(ports["receiver"]))
            processes.start("receiver", python(*words))
            tenant = _seed(processes, "Bench Marketplace", f"{receiver_url}/hooks")
            for role, command in procfile().items():
                processes.start(role, command)
            stack = Stack(
                home=home,
                processes=processes,
                database_url=found.database_url,
                web_url=f"http://127.0.0.1:{ports['web']}",
                bank_url=bank_url,
                receiver_url=receiver_url,
                say=say,
                tenant=tenant,
            )
            _await_ready(stack)
            say(f"platform up after {time.monotonic() - started:.1f} s")
            yield stack
        finally:
            processes.stop()


def sibling(database_url: str, name: str) -> str:
    """Return the address of another database on the same server."""
    parts = urlsplit(database_url)
    return urlunsplit(parts._replace(path=f"/{name}"))


SCHEMA_COPY = "bench_limit"


def _copy_schema(database_url: str) -> None:
    """Keep an untouched copy of the migrated database: the same tables, triggers and indexes."""
    name = urlsplit(database_url).path.removeprefix("/")
    with psycopg.connect(sibling(database_url, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE {SCHEMA_COPY} TEMPLATE "{name}"')


def _seed(processes: Processes, name: str, hook: str) -> Tenant:
    words = [sys.executable, "-m", "bench.seed", "--name", name, "--hook", hook]
    return Tenant(**json.loads(processes.run("seed", words).strip().splitlines()[-1]))


def _await_ready(stack: Stack) -> None:
    await_http(f"{stack.receiver_url}/stats", stack.processes)
    await_http(f"{stack.bank_url}/_sim/config", stack.processes)
    await_http(f"{stack.web_url}/readyz", stack.processes)
    secrets = {"secrets": [stack.tenant.secret]}
    stack.ask("PUT", f"{stack.receiver_url}/secrets", json=secrets)
    bank = {"latency": {"kind": "lognormal", "median_ms": BANK_LATENCY_MS, "sigma": 0.3}}
    stack.ask("PUT", f"{stack.bank_url}/_sim/config", json=bank)
