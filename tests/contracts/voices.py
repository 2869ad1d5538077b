"""How each provider says things, so that one suite can be run against every rail."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from payouts.rails import registry
from payouts.rails.base import Order, Rail

SANDBOX_SECRET = "whsec_" + "c2FuZGJveCBiYW5rIGNvbnRyYWN0IHN1aXRl"


@dataclass(frozen=True)
class Voice:
    """One provider's dialect: settings for its rails, and bodies it would send."""

    settings: Callable[[str], Mapping[str, Any]]
    transfer: Callable[..., bytes]
    problem: Callable[..., bytes]
    page: Callable[..., bytes]
    not_taken_503: str


def _sandbox_settings(url: str) -> Mapping[str, Any]:
    return {
        "SANDBOX_ENABLED": True,
        "SANDBOX_BANK_URL": url,
        "SANDBOX_BANK_API_KEY": "contract-suite",
        "SANDBOX_BANK_WEBHOOK_SECRET": SANDBOX_SECRET,
        "CALLBACK_BASE_URL": "http://127.0.0.1:8000",
        "CONNECTIONS": 100,
    }


def _sandbox_transfer(order: Order, status: str = "settled", **changes: Any) -> bytes:
    transfer = {
        "id": "tr_1",
        "status": status,
        "amount_minor": order.amount_minor,
        "currency": order.currency,
        "end_to_end_id": order.end_to_end_id,
        "settled_at": "2026-01-05T09:30:00.000Z" if status == "settled" else None,
        "something_new": {"a": 1},
    }
    return json.dumps({**transfer, **changes}).encode()


def _sandbox_problem(code: str, **more: Any) -> bytes:
    return json.dumps({"code": code, "message": "In words.", **more}).encode()


def _sandbox_page(*transfers: bytes) -> bytes:
    return b'{"data":[' + b",".join(transfers) + b'],"next_cursor":null}'


VOICES = {
    "sandbox": Voice(
        settings=_sandbox_settings,
        transfer=_sandbox_transfer,
        problem=_sandbox_problem,
        page=_sandbox_page,
        not_taken_503="unavailable",
    )
}

# (provider, rail): every rail of the product must appear here; a test compares with the registry.
RAILS = [("sandbox", name) for name in ("rtp", "fednow", "sepa_inst", "fps")]

ACCOUNTS = {
    "rtp": ("USD", "US", {"type": "us", "routing_number": "790100016", "account_number": "100000"}),
    "fednow": (
        "USD",
        "US",
        {"type": "us", "routing_number": "790100032", "account_number": "2000"},
    ),
    "sepa_inst": ("EUR", "NL", {"type": "iban", "iban": "NL64ATLS0000000000"}),
    "fps": ("GBP", "GB", {"type": "uk", "sort_code": "040004", "account_number": "10000000"}),
}


def rail_at(url: str, provider: str, name: str) -> Rail:
    """Return the rail, pointed at a bank."""
    return registry.build(VOICES[provider].settings(url)).rail(name)


def order_for(name: str, **changes: Any) -> Order:
    """Return an order that the rail can carry."""
    currency, country, account = ACCOUNTS[name]
    fields: dict[str, Any] = {
        "attempt_id": "at_01J0000000000000000000000A",
        "payout_id": "po_01J0000000000000000000000P",
        "number": 1,
        "rail": name,
        "bank_key": "3d0f3c1e-7d6a-5f0e-9a55-2f3f8a9a3b11",
        "end_to_end_id": "01J0000000000000000000000P-1",
        "amount_minor": 12_34,
        "currency": currency,
        "recipient_name": "Zoë Müller",
        "recipient_country": country,
        "account": account,
        "description": "Sales of week 23",
    }
    return Order(**{**fields, **changes})
