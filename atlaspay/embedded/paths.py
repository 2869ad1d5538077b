"""Where the embedded servers keep what is theirs, with a socket path short enough to bind."""

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path

from atlaspay.embedded.errors import EmbeddedError

CHECKOUT = Path(__file__).resolve().parents[2]
# sockaddr_un.sun_path less its closing zero: 107 bytes on Linux, 103 on macOS (unix(7), sys/un.h).
SOCKET_PATH_BYTES = 107 if sys.platform == "linux" else 103
SOCKET_NAME = ".s.PGSQL.5432"


def home() -> Path:
    """Return ATLASPAY_HOME, by default `.atlaspay` in the checkout, as an absolute path."""
    return Path(os.environ.get("ATLASPAY_HOME") or CHECKOUT / ".atlaspay").expanduser().absolute()


def make_directory(path: Path) -> Path:
    """Make a directory of ours: closed to others, but root's may be passed through."""
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"cannot make {path} ({error.strerror}): set ATLASPAY_HOME to a place you can write to"
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise EmbeddedError(
            f"cannot write to {path}: set ATLASPAY_HOME to a directory you can write to"
        )
    return path


def socket_directory(service: Path) -> Path:
    """Return the directory for PostgreSQL's socket: beside the data, or a short one in /tmp.

    The latter only where the former is too long to bind; it is named for the user and the long
    path, so that two checkouts never share it.
    """
    beside = service / "socket"
    if len(os.fsencode(beside / SOCKET_NAME)) <= SOCKET_PATH_BYTES:
        return beside
    digest = hashlib.sha256(os.fsencode(beside)).hexdigest()[:16]
    return Path(f"/tmp/atlaspay-{os.geteuid()}-{digest}")  # noqa: S108 - TMPDIR may be as long as the path to shorten


def make_private(path: Path, uid: int) -> None:
    """Make a directory only `uid` may enter; refuse one that a third user made first."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {uid, os.geteuid()}:
        raise EmbeddedError(
            f"{path} belongs to somebody else: remove it or set ATLASPAY_HOME to a shorter path"
        )
    if found.st_uid != uid:
        os.chown(path, uid, -1)
    path.chmod(0o700)
