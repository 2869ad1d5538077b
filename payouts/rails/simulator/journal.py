"""The bank's memory on disk: one JSON line per fact, appended before the client gets its answer.

A line is handed to the operating system and not synced: it outlives a kill -9 of the process,
which is what a client's tests need, not a power cut. Config and undelivered callbacks are not
kept.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec


class Opened(msgspec.Struct, array_like=True, tag="open"):
    """First line of a journal, and again after each reset."""

    boot: str
    at_ms: int


class Accepted(msgspec.Struct, array_like=True, tag="transfer"):
    number: int
    key: str
    fingerprint: bytes
    plan: str
    rail: str
    amount_minor: int
    currency: str
    account_id: str
    creditor_name: str
    account_last4: str
    end_to_end_id: str
    remittance: str | None
    callback_url: str | None
    created_ms: int


class Changed(msgspec.Struct, array_like=True, tag="status"):
    number: int
    status: str
    reason_code: str | None
    at_ms: int


class ReturnedLine(msgspec.Struct, array_like=True, tag="return"):
    number: int
    amount_minor: int
    reason_code: str
    origin: str
    at_ms: int


class Recalled(msgspec.Struct, array_like=True, tag="recall"):
    number: int
    status: str
    at_ms: int


class Funded(msgspec.Struct, array_like=True, tag="fund"):
    account_id: str
    currency: str
    amount_minor: int
    at_ms: int


class ClockMoved(msgspec.Struct, array_like=True, tag="clock"):
    offset_ms: int


Line = Opened | Accepted | Changed | ReturnedLine | Recalled | Funded | ClockMoved


class JournalError(Exception):
    """The journal cannot be used; the message says why and what to do."""


class Journal:
    """An append-only file of lines, held under an exclusive lock while open."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`; JournalError if it cannot be opened or another bank holds it."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as exc:
            raise JournalError(f"Cannot open the journal {path}: {exc.strerror}.") from exc
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._fd)
            raise JournalError(
                f"The journal {path} is in use by another sandbox bank: name another --journal."
            ) from exc
        self._encode = msgspec.json.Encoder().encode

    def read(self) -> Iterator[Line]:
        """Yield the lines; a torn last line (the writer was killed) is cut off the file.

        JournalError if any other line cannot be read.
        """
        decode = msgspec.json.Decoder(Line).decode
        good_until = 0
        with self.path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    break
                try:
                    line = decode(raw)
                except msgspec.MsgspecError as exc:
                    raise JournalError(
                        f"The journal {self.path} is damaged at line {number}: "
                        "move it away to start with an empty bank."
                    ) from exc
                good_until += len(raw)
                yield line
        os.ftruncate(self._fd, good_until)

    def write(self, line: Line) -> None:
        """Append a line, or end the process: going on would pay what a restart forgets."""
        raw = self._encode(line) + b"\n"
        try:
            written = os.write(self._fd, raw)
            problem = "" if written == len(raw) else "the device is full"
        except OSError as exc:
            problem = exc.strerror or str(exc)
        if problem:
            sys.stderr.write(
                f"sandbox bank: Cannot write the journal {self.path} ({problem}): stopped.\n"
            )
            sys.stderr.flush()
            os._exit(1)

    def clear(self) -> None:
        os.ftruncate(self._fd, 0)

    def close(self) -> None:
        os.close(self._fd)
