"""The clock of the Python side. Tests freeze it; leases and claims never use it, they use the
database's own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_source: ContextVar[Callable[[], datetime] | None] = ContextVar("clock_source", default=None)


def now() -> datetime:
    """Return the present instant, aware, in UTC."""
    source = _source.get()
    return source() if source else datetime.now(UTC)


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Let `now()` answer `at` inside the block."""
    token = _source.set(lambda: at)
    try:
        yield
    finally:
        _source.reset(token)


def rfc3339(at: datetime | None) -> str | None:
    """Return RFC 3339 with milliseconds and Z, or None."""
    if at is None:
        return None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
