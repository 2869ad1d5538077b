"""One reconciling step of a provider at a time, whichever process takes it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

_SPACE = 0x5EC0  # names the subject among this database's advisory locks


@contextmanager
def step(provider: str) -> Iterator[None]:
    """Open a transaction that holds the provider's lock to its end; waits for another's step."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_SPACE, provider])
        yield
