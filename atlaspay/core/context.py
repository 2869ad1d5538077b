"""Who is acting, for which request, and why: context that logs, history and receipts share.

Doors bind it (middleware, authentication, task start, command); services only read it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Context:
    """`actor` is `key:<id>`, `user:<name>`, `member:<name>` of a partner, or `system:<task>`;
    `user_id` is set for staff only.
    """

    actor: str = "system:unbound"
    request_id: str = ""
    task_id: str = ""
    reason: str = ""
    user_id: int | None = None


_UNBOUND = Context()
_current: ContextVar[Context] = ContextVar("atlaspay_context", default=_UNBOUND)


def current() -> Context:
    """Return the context of this request, task or command."""
    return _current.get()


def actor() -> str:
    """Return who is acting."""
    return _current.get().actor


@contextmanager
def bind(**changes: object) -> Iterator[Context]:
    """Bind fields of the context inside the block."""
    value = replace(_current.get(), **changes)  # type: ignore[arg-type]
    token = _current.set(value)
    try:
        yield value
    finally:
        _current.reset(token)


def set_fields(**changes: object) -> None:
    """Set fields for the rest of this request (authentication learns the actor after the middleware
    began).
    """
    _current.set(replace(_current.get(), **changes))  # type: ignore[arg-type]
