"""Real PostgreSQL and Valkey servers for a machine that has neither, under ATLASPAY_HOME.

A server runs as long as somebody uses it: each user holds a shared file lock, which the kernel
gives up for it even after kill -9, and the server's keeper process stops the server when the last
lock is gone. Nothing here imports Django.
"""

import os
from pathlib import Path
from typing import NamedTuple

from atlaspay.embedded import lifecycle
from atlaspay.embedded.errors import EmbeddedError
from atlaspay.embedded.paths import home

__all__ = ["EmbeddedError", "Servers", "connection_env", "ensure", "home", "release"]

VARIABLES = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}


class Servers(NamedTuple):
    """Where to connect: the user's own servers where the environment names them, ours otherwise."""

    database_url: str
    redis_url: str


def ensure(at: Path | None = None) -> Servers:
    """Start what the environment does not name, hold it until this process ends, export both URLs.

    Safe to repeat: a server that runs is joined, one that died is started again.
    Raises EmbeddedError with one line that says what to do.
    """
    directory = at or home()
    ours = [name for name, variable in VARIABLES.items() if _is_ours(variable)]
    for name, url in lifecycle.attach_all(directory, ours).items():
        os.environ[VARIABLES[name]] = url
        _exported[VARIABLES[name]] = url
    return Servers(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])


def connection_env(at: Path | None = None) -> dict[str, str]:
    """Return DATABASE_URL and REDIS_URL without starting anything.

    A running embedded server is joined, so that it outlives the process that started it for as
    long as it is used; with none running the URL leads to where connecting is refused.
    """
    directory = at or home()
    return {
        variable: os.environ.get(variable)
        or lifecycle.join(directory, name)
        or lifecycle.absent_url(directory, name)
        for name, variable in VARIABLES.items()
    }


def release() -> None:
    """Let go of every server and, where nobody else uses one, wait until it has stopped."""
    lifecycle.release_all()
    for variable, url in list(_exported.items()):
        if os.environ.get(variable) == url:
            del os.environ[variable]
        del _exported[variable]


def _is_ours(variable: str) -> bool:
    value = os.environ.get(variable)
    return not value or value == _exported.get(variable)


_exported: dict[str, str] = {}
