"""Typed reading of the environment; a wrong value ends the start with one line that names the
variable.
"""

import os
from typing import NoReturn

from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Error as PsycopgError


def fail(message: str) -> NoReturn:
    """End the process with a one-line message."""
    raise SystemExit(f"atlaspay: {message}")


def text(name: str, default: str = "") -> str:
    """Return a variable, or the default where it is unset or empty."""
    return os.environ.get(name) or default


def flag(name: str, *, default: bool) -> bool:
    """Return a yes/no variable."""
    value = text(name).lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return value in {"1", "true", "yes", "on"} if value else default
    fail(f"{name}={value!r} is neither 1 nor 0")


def integer(name: str, default: int, *, low: int = 0, high: int = 10**9) -> int:
    """Return a whole number within its bounds."""
    value = text(name, str(default))
    if not value.lstrip("-").isdigit() or not low <= int(value) <= high:
        fail(f"{name}={value!r} must be a whole number from {low} to {high}")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def postgres(url: str, *, options: str) -> dict[str, object]:
    """Return Django's DATABASES entry for a libpq URL. `options` are server settings of each
    connection.
    """
    try:
        parts = conninfo_to_dict(url)
    except PsycopgError:
        fail(
            "DATABASE_URL is no PostgreSQL URL; it looks like postgresql://user:password@host:5432/atlaspay"
        )
    known = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    entry: dict[str, object] = {"ENGINE": "django.db.backends.postgresql", "NAME": "atlaspay"}
    entry.update({known[k]: str(v) for k, v in parts.items() if k in known and v is not None})
    rest = {k: v for k, v in parts.items() if k not in known and v is not None}
    entry["OPTIONS"] = {
        "connect_timeout": 5,
        **rest,
        "options": f"{rest.get('options', '')} {options}".strip(),
    }
    return entry
