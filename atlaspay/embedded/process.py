"""Starting and ending a server process: as whom, tied to its parent's life, politely first."""

import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from atlaspay.embedded.errors import EmbeddedError

SERVER_USER = "pgserver"
PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class Account:
    """The operating-system account a server runs under."""

    uid: int
    gid: int
    is_other: bool  # another than ours: we are root, as which PostgreSQL refuses to run

    @property
    def user(self) -> int | None:
        """What subprocess needs to become this account; None where we are it already."""
        return self.uid if self.is_other else None

    @property
    def group(self) -> int | None:
        """As `user`, for the group."""
        return self.gid if self.is_other else None

    @property
    def extra_groups(self) -> list[str | int] | None:
        """As `user`: none at all for another account."""
        return [] if self.is_other else None


def server_account() -> Account:
    """Return our own account, or for root one without rights.

    That is `pgserver`, made here where it can be, else `nobody`.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    entry = _find_user(SERVER_USER) or _add_user(SERVER_USER) or _find_user("nobody")
    if entry is None:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root: run as an ordinary user or set DATABASE_URL"
        )
    return Account(entry.pw_uid, entry.pw_gid, is_other=True)


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _add_user(name: str) -> pwd.struct_passwd | None:
    """Make a system account; one starter at a time, for two useradd at once undo each other."""
    useradd = shutil.which("useradd", path=os.defpath + ":/usr/sbin:/sbin")
    if useradd is None:
        return None
    directory = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        if _find_user(name) is None:
            words = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
            subprocess.run(words, check=False, capture_output=True)  # noqa: S603 - fixed words
    finally:
        os.close(directory)
    return _find_user(name)


def spawn(
    arguments: Sequence[str | Path],
    account: Account,
    *,
    log: IO[bytes],
    stdin: int | None = None,
    dies_by: int,
) -> subprocess.Popen[bytes]:
    """Start a server as `account`.

    On Linux the kernel sends it `dies_by` when this process ends, for whatever reason.
    """
    try:
        return subprocess.Popen(  # noqa: S603 - a binary of an installed package
            [str(word) for word in arguments],
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            preexec_fn=tie_to_parent(dies_by),
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
    except OSError as error:
        raise EmbeddedError(
            f"cannot start {arguments[0]}: {error.strerror}; or set DATABASE_URL and REDIS_URL"
        ) from error


def run(arguments: Sequence[str | Path], account: Account, *, text: str = "") -> str:
    """Run a tool to its end and return what it wrote; raises EmbeddedError with its last line."""
    try:
        done = subprocess.run(  # noqa: S603 - a binary of an installed package
            [str(word) for word in arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_environment(),
            user=account.user,
            group=account.group,
            extra_groups=account.extra_groups,
        )
    except OSError as error:
        raise EmbeddedError(f"cannot run {arguments[0]}: {error.strerror}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or [
            f"exit code {done.returncode}"
        ]
        raise EmbeddedError(f"{Path(arguments[0]).name} failed: {lines[-1]}")
    return done.stdout


def end(process: subprocess.Popen[bytes], steps: Sequence[tuple[int, float]]) -> None:
    """Send each signal in turn and wait its seconds, until the process has ended."""
    for number, patience_s in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    """Return our environment less what steers the server (PGPORT) or translates its messages."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG"))
    }
    return {**kept, "LC_ALL": "C"}


def tie_to_parent(number: int) -> Callable[[], None] | None:
    """Return a preexec function that has the kernel send the new process `number` when we end.

    None where the kernel cannot. Start such a process from the main thread: the tie is to a thread.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, signal.Signals(number).value, 0, 0, 0)

    return tie
