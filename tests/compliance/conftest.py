"""Somebody always acts, and no test knows another's policies or lists."""

from collections.abc import Iterator

import pytest

from atlaspay.core import context
from compliance.screening import live


@pytest.fixture(autouse=True)
def _acting() -> Iterator[None]:
    """Act as a task, as workers do."""
    live.forget()
    with context.bind(actor="system:compliance.screen"):
        yield
    live.forget()
