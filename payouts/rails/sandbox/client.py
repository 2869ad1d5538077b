"""Reads of the sandbox bank over `requests`: look-ups and entries, each call on its own session."""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime

import msgspec
import requests
import urllib3

from atlaspay.core import http
from payouts.rails.base import RailReadError
from payouts.rails.sandbox.mapping import Transfer
from payouts.rails.wire import Reply

ANSWER_LIMIT = 4 * 1024 * 1024
# A day comes in one answer, some 250 bytes an entry.
STATEMENT_LIMIT = 64 * 1024 * 1024
DEADLINE_S = 30.0
PAGE = 1000


class TransferPage(msgspec.Struct):
    """`GET /v1/transfers`."""

    data: list[Transfer]


class BankEntry(msgspec.Struct):
    """One line of `GET /v1/accounts/{id}/entries`."""

    seq: int
    kind: str
    amount_minor: int
    currency: str
    booked_at: datetime
    transfer_id: str | None = None
    end_to_end_id: str | None = None
    return_id: str | None = None


class EntryPage(msgspec.Struct):
    """`GET /v1/accounts/{id}/entries`."""

    account_id: str
    data: list[BankEntry]
    last_seq: int


class DayStatement(msgspec.Struct):
    """`GET /v1/accounts/{id}/statements/{date}`."""

    account_id: str
    currency: str
    opening_balance_minor: int
    closing_balance_minor: int
    entries: list[BankEntry]


_transfers = msgspec.json.Decoder(TransferPage)
_entries = msgspec.json.Decoder(EntryPage)
_statement = msgspec.json.Decoder(DayStatement)


class Reader:
    """The bank's read side. Safe to share between threads; safe after a fork."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._base_url = base_url
        self._headers = dict(headers)
        self._lock = threading.Lock()
        self._idle: list[http.BoundSession] = []
        self._pid = os.getpid()

    def get(self, path: str, parameters: Mapping[str, str], *, limit: int = ANSWER_LIMIT) -> Reply:
        """Return the answer to one GET; raises RailReadError if none came whole and in time."""
        until = time.monotonic() + DEADLINE_S
        try:
            with (
                self._session() as session,
                session.get(path, params=parameters, stream=True) as response,
            ):
                return Reply(response.status_code, response.headers, _read(response, until, limit))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise RailReadError(f"no answer: {type(error).__name__}") from error

    def transfers(self, parameters: Mapping[str, str]) -> tuple[list[Transfer], Reply]:
        """Return the transfers that match; raises UnreadableReplyError for any other answer."""
        reply = self.get("/transfers", parameters)
        if reply.status != 200:
            raise UnreadableReplyError(reply)
        try:
            return _transfers.decode(reply.raw or b"").data, reply
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UnreadableReplyError(reply) from None

    def entries(self, account_id: str, after_seq: int, what: str = "entries") -> EntryPage:
        """Return one page of booked lines (or of `notifications` about them) after a sequence
        number; raises RailReadError.
        """
        query = {"after_seq": str(after_seq), "limit": str(PAGE)}
        reply = self.get(f"/accounts/{account_id}/{what}", query)
        if reply.status != 200:
            raise UnreadableReplyError(reply)
        try:
            return _entries.decode(reply.raw or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UnreadableReplyError(reply) from None

    def statement(self, account_id: str, on: date) -> DayStatement:
        """Return the statement of a day; raises RailReadError."""
        reply = self.get(
            f"/accounts/{account_id}/statements/{on.isoformat()}", {}, limit=STATEMENT_LIMIT
        )
        if reply.status != 200:
            raise UnreadableReplyError(reply)
        try:
            return _statement.decode(reply.raw or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UnreadableReplyError(reply) from None

    @contextmanager
    def _session(self) -> Iterator[http.BoundSession]:
        """Lend a session with its kept connection: requests does not let threads share one."""
        with self._lock:
            if self._pid != os.getpid():
                self._idle, self._pid = [], os.getpid()
            session = self._idle.pop() if self._idle else None
        session = session or http.session(self._base_url, headers=self._headers)
        try:
            yield session
        finally:
            with self._lock:
                self._idle.append(session)


class UnreadableReplyError(RailReadError):
    """The bank answered, but not with what was asked for."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} instead of the data asked for")
        self.reply = reply


def _read(response: requests.Response, until: float, limit: int) -> bytes:
    """Read the body piece by piece, so that neither its size nor its slowness is without end."""
    kept = bytearray()
    while True:
        piece = response.raw.read1(64 * 1024, decode_content=True)
        if not piece:
            break
        kept += piece
        if len(kept) > limit:
            raise RailReadError("the answer is too long")
        if time.monotonic() > until:
            raise RailReadError("the answer took too long")
    return bytes(kept)
