"""File locks that the kernel releases for a dead process, so that no crash leaves a server held."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def take(path: Path, *, exclusive: bool = False, wait: bool = True) -> int | None:
    """Lock a file, made if need be, and return its descriptor; None if taken and not to `wait`.

    Programs started from here do not inherit the descriptor; a fork shares it, and the lock ends
    with the last of them.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def is_free(path: Path, *, exclusive: bool = True) -> bool:
    """Say whether the lock could be had this moment."""
    descriptor = take(path, exclusive=exclusive, wait=False)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file exclusively for a block."""
    descriptor = take(path, exclusive=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
