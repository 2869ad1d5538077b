"""Gives a test run its servers, in a home of its own, and takes them down with it, however it ends.

Loaded by `-p` in pyproject's addopts, before pytest-django reads the settings.
"""

import os
import sys
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

from atlaspay import embedded
from atlaspay.embedded.valkey import DATABASES

SERVERLESS = {"-h", "--help", "-V", "--version", "--markers", "--fixtures"}


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(args: list[str]) -> Generator[None, object, object]:
    """Start the servers ahead of the settings; an xdist worker finds them in its environment."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        _use_own_database_number()
    elif not SERVERLESS.intersection(args):
        os.environ["ATLASPAY_HOME"] = str(embedded.home() / "test")
        named = {variable for variable in embedded.VARIABLES.values() if os.environ.get(variable)}
        try:
            embedded.ensure()
        except embedded.EmbeddedError as error:
            raise pytest.UsageError(f"atlaspay: {error}") from error
        if "REDIS_URL" not in named:
            os.environ["ATLASPAY_TEST_REDIS_IS_OURS"] = "1"
    return (yield)


def _use_own_database_number() -> None:
    """Keep parallel workers' keys apart: a Redis database number each, in a server that is ours."""
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) + 1
    if os.environ.get("ATLASPAY_TEST_REDIS_IS_OURS") and number < DATABASES:
        os.environ["REDIS_URL"] = (
            urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{number}").geturl()
        )


def pytest_unconfigure() -> None:
    """Stop the servers, where nobody else uses them, before the prompt returns."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        sys.stdout.flush()
        embedded.release()
