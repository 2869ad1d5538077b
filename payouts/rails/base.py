"""The one contract of every bank rail: what goes in, what can come out, and what each outcome lets
us do.

A rail knows no Django, no database and no retry rule. It must never turn "we do not know" into
"refused": an outcome names what is certain, and only `Rejected`, `RateLimited`, `Unavailable` and
`NotFound` say that no money moved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, TypedDict

import aiohttp

from atlaspay.core.errors import AtlasError, FieldError
from atlaspay.core.fanout import SessionOptions


class RetryClass(StrEnum):
    """What a bank's definite refusal lets us do next."""

    TERMINAL = "TERMINAL"  # fail now
    TERMINAL_SOFT = "TERMINAL_SOFT"  # fail; a person may try once more
    RETRY_NEW = "RETRY_NEW"  # a new attempt with a new bank key
    REROUTE = "REROUTE"  # another rail
    HOLD = "HOLD"  # our own account at the bank is short: hold everything that needs it
    RECONCILE = "RECONCILE"  # the bank knows it already: look the original up


class BadSignatureError(AtlasError):
    """A bank's message without a valid, fresh signature; nothing of it may be believed."""


class UnreadableMessageError(AtlasError):
    """A bank's message whose signature holds but whose body cannot be read."""


class RailReadError(AtlasError):
    """A read of the bank's books did not succeed; the same cursor may be used again."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to go on the wire, made from an attempt and its payout. `account` is plain text:
    never log an order.
    """

    attempt_id: str
    payout_id: str
    number: int
    rail: str
    bank_key: str
    end_to_end_id: str
    amount_minor: int
    currency: str
    recipient_name: str
    recipient_country: str
    account: dict[str, str]
    description: str

    def __repr__(self) -> str:
        """Name the attempt only: names and account numbers must not reach a log or a traceback."""
        return f"Order({self.attempt_id})"


@dataclass(frozen=True, slots=True)
class ReturnHint:
    """Money the beneficiary's bank sent back; `bank_reference` is the return's own, unique per
    rail.
    """

    bank_reference: str
    amount_minor: int
    currency: str
    bank_code: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one call proved. `bank_code` is raw, `response_hash` the SHA-256 of the raw answer,
    `detail` at most 300.
    """

    bank_status: str = ""
    bank_code: str = ""
    http_status: int | None = None
    response_hash: bytes | None = None
    detail: str = ""
    bank_reference: str = ""


class Evidence(TypedDict, total=False):
    """The fields every outcome has, to be handed on together."""

    bank_status: str
    bank_code: str
    http_status: int | None
    response_hash: bytes | None
    detail: str
    bank_reference: str


@dataclass(frozen=True, slots=True)
class Accepted(Outcome):
    """The bank has it and it is not final. `money_moved` (ACWP): credited without posting, so never
    send again.
    """

    money_moved: bool = False


@dataclass(frozen=True, slots=True)
class Blocked(Outcome):
    """Held at the beneficiary's bank (BLCK): neither paid nor refused, a person must look."""


@dataclass(frozen=True, slots=True)
class Settled(Outcome):
    """The credit is confirmed. `returned` lists what has come back since, where the bank says."""

    settled_at: datetime | None = None
    returned: tuple[ReturnHint, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected(Outcome):
    """Definitely refused, nothing moved."""

    canonical: str
    retry_class: RetryClass


@dataclass(frozen=True, slots=True)
class RateLimited(Outcome):
    """Definitely not taken: too many calls. `retry_after_s` is what the bank asked for, unbounded,
    or None.
    """

    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unavailable(Outcome):
    """Definitely never taken: no connection, or the bank's contract says so. The same key may be
    sent again.
    """

    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown(Outcome):
    """It may have been taken. Ask by key; never a new key, never another rail, never "failed".

    `retry_after_s`: a look-up that was itself refused for its rate says when to ask again.
    """

    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class ConfigError(Outcome):
    """Our credential or set-up was refused: pause the rail, page, fail no payout. Nothing was
    taken.
    """


@dataclass(frozen=True, slots=True)
class NotFound(Outcome):
    """A look-up only: the bank definitely has no transfer of that key nor end-to-end id."""


@dataclass(frozen=True, slots=True)
class Hint:
    """One fact of a verified callback; `outcome` is None where the message says too little and a
    look-up must follow.

    `message_id` is the message's, equal for every hint of one message and for each of its
    deliveries. `amount_minor` and `currency` are the transfer's as the bank says, to be compared
    with the payout's before anything is believed; None and "" where the message has none.
    """

    message_id: str
    end_to_end_id: str
    bank_reference: str
    outcome: Outcome | None = None
    returns: tuple[ReturnHint, ...] = ()
    amount_minor: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked line of our account at the bank: credit > 0, debit < 0; `reference` is unique per
    account.
    """

    account_id: str
    reference: str
    kind: str
    amount_minor: int
    currency: str
    end_to_end_id: str
    bank_reference: str
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """A closed day of one account (camt.053): opening + entries = closing is for the reader to
    check. `begins_at` up to, not including, `ends_at` is the day as the bank counts days.
    """

    account_id: str
    currency: str
    on: date
    begins_at: datetime
    ends_at: datetime
    opening_minor: int
    closing_minor: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a rail carries. `max_amount_minor` is per transfer; `charset` names a set of
    `rails.names`.

    `one_object_per_key`: the bank promises at most one transfer per idempotency key for ever, so
    that a key it definitely does not know may be sent again. `account_countries`: where accounts
    may be held; empty for anywhere their type exists.
    """

    currencies: frozenset[str]
    account_types: frozenset[str]
    max_amount_minor: int
    charset: str
    name_length: int
    remittance_length: int
    one_object_per_key: bool
    account_countries: frozenset[str] = frozenset()


class Rail(Protocol):
    """One way to pay at one provider. Objects are immutable after they are built and may be shared
    by threads.
    """

    @property
    def name(self) -> str:
        """The rail's name: rtp, fednow, sepa_inst, fps."""

    @property
    def provider(self) -> str:
        """Whose API serves it; rails of one provider share its rate budget and breaker."""

    @property
    def credential(self) -> str:
        """A short public fingerprint of the credential, for the throttle's key. Not a secret."""

    def capabilities(self) -> Capabilities:
        """Return what this rail carries."""

    def session_options(self) -> SessionOptions:
        """Return the aiohttp session its calls want, for `atlaspay.core.fanout.session`."""

    def validate_destination(
        self, account: Mapping[str, str], *, amount_minor: int, currency: str, recipient_name: str
    ) -> list[FieldError]:
        """Return what this rail would refuse; pointers are relative to the payout item. Empty: it
        may be sent.
        """

    def payload_hash(self, order: Order) -> bytes:
        """Return the SHA-256 of the exact body `submit` would send."""

    async def submit(self, session: aiohttp.ClientSession, order: Order) -> Outcome:
        """Send once. Never raises for anything a bank or a network can do; never `NotFound`."""

    def lookup(self, order: Order) -> Outcome:
        """Ask by idempotency key, then by end-to-end id. Never raises for what a bank can do.

        Returns Settled, Accepted, Blocked, Rejected or NotFound, which are certain, else Unknown: a
        look-up that was refused or lost proves nothing, so it is never Unavailable or RateLimited.
        """

    def parse_callback(
        self, headers: Mapping[str, str], raw: bytes, *, received_at: datetime | None = None
    ) -> list[Hint]:
        """Verify and read a callback; `received_at` is when it came in (default now), for its age
        limit.

        Raises BadSignatureError, or UnreadableMessageError for a signed body that makes no sense.
        """

    def list_entries(self, cursor: str) -> tuple[list[Entry], str]:
        """Return booked lines after an opaque cursor ("" for the first) and the next cursor; raises
        RailReadError.
        """

    def list_notices(self, cursor: str) -> tuple[list[Entry], str]:
        """Return what the bank's notifications (camt.054) claim was booked, by the references of
        `list_entries`; pages and errors as there.
        """

    def read_statement(self, on: date) -> Statement:
        """Return the statement of a day; raises RailReadError."""
