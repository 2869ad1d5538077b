"""One bank process for the module, emptied before each test."""

from collections.abc import Iterator

import pytest

from tests.simulator.bankproc import BankProcess
from tests.simulator.receiver import Receiver, receiving


@pytest.fixture(scope="session")
def bank_process() -> Iterator[BankProcess]:
    with BankProcess() as process:
        yield process


@pytest.fixture
def bank(bank_process: BankProcess) -> BankProcess:
    bank_process.sim("reset", {})
    return bank_process


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running
