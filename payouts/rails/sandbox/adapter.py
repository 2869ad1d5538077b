"""The sandbox bank's four rails. One provider, one credential, one rate budget."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from atlaspay.core.errors import FieldError
from atlaspay.core.fanout import SessionOptions
from payouts.rails import names
from payouts.rails.base import (
    Capabilities,
    Entry,
    Hint,
    NotFound,
    Order,
    Outcome,
    RailReadError,
    Statement,
    Unknown,
)
from payouts.rails.retry_after import retry_after_s
from payouts.rails.sandbox import callbacks, mapping
from payouts.rails.sandbox.client import BankEntry, Reader, UnreadableReplyError
from payouts.rails.wire import Reply, post

PROVIDER = "sandbox"


# Geographical scope of the SEPA schemes by IBAN country (EPC409-09, with the joiners of 2025/26:
# AL MD ME MK RS). Whether a bank there takes instant payments, only the scheme's directory knows.
SEPA_COUNTRIES = frozenset({
    "AD", "AL", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR",
    "GB", "GI", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MD",
    "ME", "MK", "MT", "NL", "NO", "PL", "PT", "RO", "RS", "SE", "SI", "SK", "SM", "VA",
})  # fmt: skip


def _capabilities(
    currency: str,
    account_type: str,
    max_amount_minor: int,
    charset: str,
    name_length: int,
    account_countries: frozenset[str] = frozenset(),
) -> Capabilities:
    return Capabilities(
        currencies=frozenset({currency}),
        account_types=frozenset({account_type}),
        max_amount_minor=max_amount_minor,
        charset=charset,
        name_length=name_length,
        remittance_length=140,
        one_object_per_key=True,
        account_countries=account_countries,
    )


# Network maxima of 2025: RTP and FedNow 10 M USD, FPS 1 M GBP; SEPA what a message can hold.
CAPABILITIES = {
    "rtp": _capabilities("USD", "us", 1_000_000_000, names.ASCII, 140),
    "fednow": _capabilities("USD", "us", 1_000_000_000, names.ASCII, 140),
    "sepa_inst": _capabilities("EUR", "iban", 99_999_999_999, names.SEPA, 70, SEPA_COUNTRIES),
    "fps": _capabilities("GBP", "uk", 100_000_000, names.SEPA, 140),
}


class SandboxRail:
    """One rail of the sandbox bank; see `rails.base.Rail` for the contract of every method."""

    provider = PROVIDER

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        headers: Mapping[str, str],
        credential: str,
        reader: Reader,
        keys: Sequence[bytes],
        callback_url: str,
        connections: int,
    ) -> None:
        self.name = name
        self.credential = credential
        self._url = URL(f"{base_url}/transfers", encoded=True)
        self._headers = {**headers, "Content-Type": "application/json"}
        self._reader = reader
        self._keys = tuple(keys)
        self._callback_url = callback_url
        self._capabilities = CAPABILITIES[name]
        self._options = SessionOptions(name=f"{PROVIDER}:{credential}", connections=connections)

    def capabilities(self) -> Capabilities:
        return self._capabilities

    def session_options(self) -> SessionOptions:
        return self._options

    def validate_destination(
        self, account: Mapping[str, str], *, amount_minor: int, currency: str, recipient_name: str
    ) -> list[FieldError]:
        found: list[FieldError] = []
        can = self._capabilities
        if currency not in can.currencies:
            found.append(
                _error("/currency", "currency_not_on_rail", f"{self.name} carries no {currency}.")
            )
        if amount_minor > can.max_amount_minor:
            detail = f"{self.name} carries at most {can.max_amount_minor} minor units."
            found.append(_error("/amount_minor", "amount_over_rail_limit", detail))
        if account.get("type") not in can.account_types:
            detail = f"{self.name} does not pay to accounts of this type."
            found.append(_error("/recipient/account/type", "account_type_not_on_rail", detail))
        elif account["type"] == "iban" and account["iban"][:2] not in can.account_countries:
            detail = "The account's country is outside the SEPA area."
            found.append(_error("/recipient/account/iban", "account_country_not_on_rail", detail))
        return found + names.check_wire_name(
            recipient_name, can.charset, can.name_length, "/recipient/name"
        )

    def payload_hash(self, order: Order) -> bytes:
        return hashlib.sha256(self._body(order)).digest()

    async def submit(self, session: aiohttp.ClientSession, order: Order) -> Outcome:
        headers = {**self._headers, "Idempotency-Key": order.bank_key}
        reply = await post(session, self._url, self._body(order), headers)
        return mapping.outcome_of_reply(reply, order) if isinstance(reply, Reply) else reply

    def lookup(self, order: Order) -> Outcome:
        try:
            for query in (
                {"idempotency_key": order.bank_key},
                {"end_to_end_id": order.end_to_end_id},
            ):
                found, reply = self._reader.transfers(query)
                if len(found) > 1:
                    return Unknown(
                        http_status=reply.status,
                        response_hash=reply.digest,
                        detail=f"the bank has {len(found)} transfers of this {next(iter(query))}",
                    )
                if found:
                    return mapping.outcome_of_order(
                        found[0], order, http_status=reply.status, response_hash=reply.digest
                    )
        except UnreadableReplyError as error:
            return _unanswered(error.reply)
        except RailReadError as error:
            return Unknown(detail=f"look-up: {error}")
        return NotFound(http_status=reply.status, response_hash=reply.digest)

    def parse_callback(
        self, headers: Mapping[str, str], raw: bytes, *, received_at: datetime | None = None
    ) -> list[Hint]:
        message_id = callbacks.verify(self._keys, headers, raw, received_at)
        return callbacks.hints(message_id, raw, PROVIDER)

    def list_entries(self, cursor: str) -> tuple[list[Entry], str]:
        page = self._reader.entries(self._account_id, int(cursor or 0))
        return [_entry(page.account_id, item) for item in page.data], str(page.last_seq)

    def list_notices(self, cursor: str) -> tuple[list[Entry], str]:
        page = self._reader.entries(self._account_id, int(cursor or 0), "notifications")
        return [_entry(page.account_id, item) for item in page.data], str(page.last_seq)

    def read_statement(self, on: date) -> Statement:
        found = self._reader.statement(self._account_id, on)
        begins_at = datetime.combine(on, time(), tzinfo=UTC)
        return Statement(
            account_id=found.account_id,
            currency=found.currency,
            on=on,
            begins_at=begins_at,
            ends_at=begins_at + timedelta(days=1),
            opening_minor=found.opening_balance_minor,
            closing_minor=found.closing_balance_minor,
            entries=tuple(_entry(found.account_id, item) for item in found.entries),
        )

    @property
    def _account_id(self) -> str:
        (currency,) = self._capabilities.currencies
        return mapping.DEBTOR_ACCOUNTS[currency]

    def _body(self, order: Order) -> bytes:
        return mapping.body_of(order, self._capabilities, self._callback_url)


def build(
    *,
    base_url: str,
    api_key: str,
    webhook_secrets: Sequence[str],
    callback_base_url: str,
    connections: int,
) -> dict[str, SandboxRail]:
    """Return the four rails; raises ValueError for a URL, key or secret that cannot work."""
    parts = urlsplit(base_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"SANDBOX_BANK_URL={base_url!r} is not an http(s) address.")
    if not api_key.isascii() or not api_key.isprintable() or not api_key:
        raise ValueError("SANDBOX_BANK_API_KEY must be printable ASCII and not empty.")
    if not webhook_secrets:
        raise ValueError("SANDBOX_BANK_WEBHOOK_SECRET must name at least one secret.")
    headers = {
        "Authorization": f"Bearer {api_key}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "AtlasPay",
    }
    base = base_url.rstrip("/") + "/v1"
    reader = Reader(base, headers)
    callback_url = (
        f"{callback_base_url.rstrip('/')}/callbacks/{PROVIDER}/" if callback_base_url else ""
    )
    return {
        name: SandboxRail(
            name,
            base_url=base,
            headers=headers,
            credential=hashlib.sha256(api_key.encode()).hexdigest()[:12],
            reader=reader,
            keys=[callbacks.signing_key(secret) for secret in webhook_secrets],
            callback_url=callback_url,
            connections=connections,
        )
        for name in CAPABILITIES
    }


def _entry(account_id: str, item: BankEntry) -> Entry:
    return Entry(
        account_id=account_id,
        reference=f"{account_id}:{item.seq}",
        kind=item.kind,
        amount_minor=item.amount_minor,
        currency=item.currency,
        end_to_end_id=item.end_to_end_id or "",
        bank_reference=item.return_id or item.transfer_id or "",
        booked_at=item.booked_at,
    )


def _unanswered(reply: Reply) -> Unknown:
    """A refused or garbled look-up proves nothing of the transfer, whatever its status."""
    wait_s = retry_after_s(reply.headers) if reply.status == 429 else None
    return Unknown(
        http_status=reply.status,
        response_hash=reply.digest,
        retry_after_s=wait_s,
        detail=f"look-up: {reply.status} instead of transfers",
    )


def _error(pointer: str, code: str, detail: str) -> FieldError:
    return {"pointer": pointer, "code": code, "detail": detail}
