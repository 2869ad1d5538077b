"""Homes for embedded servers, checked to be empty when the test is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.homes import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Give a home, and insist that nothing of it outlives the test."""
    home = Home(tmp_path / "home")
    yield home
    home.run("-m", "atlaspay.embedded", "stop", "--now")
    home.await_empty()
