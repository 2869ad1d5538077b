"""Building rails from settings."""

from typing import Any

import pytest

from payouts.rails import names, registry
from payouts.rails.registry import UnknownRailError

SETTINGS: dict[str, Any] = {
    "SANDBOX_ENABLED": True,
    "SANDBOX_BANK_URL": "http://127.0.0.1:8100/",
    "SANDBOX_BANK_API_KEY": "key-one",
    "SANDBOX_BANK_WEBHOOK_SECRET": "whsec_" + "A" * 32,
    "CALLBACK_BASE_URL": "https://pay.example/",
    "CONNECTIONS": 50,
}


def test_one_lane_of_four_rails() -> None:
    built = registry.build(SETTINGS)
    assert tuple(built.capabilities) == ("rtp", "fednow", "sepa_inst", "fps")
    ((lane, rails),) = built.lanes.items()
    assert lane[0] == "sandbox"
    assert "key-one" not in lane[1]
    assert rails == ("rtp", "fednow", "sepa_inst", "fps")
    assert [rail.name for rail in built.of_provider("sandbox")] == list(rails)
    assert built.of_provider("other") == ()
    assert built.rail("fps").session_options().connections == 50


def test_nothing_enabled_nothing_built() -> None:
    built = registry.build({**SETTINGS, "SANDBOX_ENABLED": False})
    assert built.rails == {}
    with pytest.raises(UnknownRailError):
        built.rail("rtp")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SANDBOX_BANK_URL", "ftp://127.0.0.1"),
        ("SANDBOX_BANK_URL", "127.0.0.1:8100"),
        ("SANDBOX_BANK_URL", "http://"),
        ("SANDBOX_BANK_API_KEY", ""),
        ("SANDBOX_BANK_API_KEY", "two\nlines"),
        ("SANDBOX_BANK_WEBHOOK_SECRET", ""),
        ("SANDBOX_BANK_WEBHOOK_SECRET", "plain"),
        ("SANDBOX_BANK_WEBHOOK_SECRET", "whsec_short"),
    ],
)
def test_settings_that_cannot_work(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"SANDBOX_BANK|callback secret"):
        registry.build({**SETTINGS, name: value})


def test_what_a_rail_would_refuse() -> None:
    rail = registry.build(SETTINGS).rail("sepa_inst")

    def refused(account: dict[str, str], **changes: Any) -> list[tuple[str, str]]:
        asked: dict[str, Any] = {
            "amount_minor": 100,
            "currency": "EUR",
            "recipient_name": "Jan",
            **changes,
        }
        return [(e["pointer"], e["code"]) for e in rail.validate_destination(account, **asked)]

    good = {"type": "iban", "iban": "NL64ATLS0000000000"}
    assert refused(good) == []
    assert refused(good, recipient_name="a" * 71) == [("/recipient/name", "name_too_long_for_rail")]
    assert refused({"type": "iban", "iban": "TR330006100519786457841326"}) == [
        ("/recipient/account/iban", "account_country_not_on_rail")
    ]
    assert refused(
        {"type": "us", "routing_number": "790100016", "account_number": "1234"},
        currency="USD",
        amount_minor=10**11,
        recipient_name="王小明",
    ) == [
        ("/currency", "currency_not_on_rail"),
        ("/amount_minor", "amount_over_rail_limit"),
        ("/recipient/account/type", "account_type_not_on_rail"),
        ("/recipient/name", "name_not_representable"),
    ]
    assert rail.capabilities().charset == names.SEPA
