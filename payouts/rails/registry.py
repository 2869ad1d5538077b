"""All rails of one installation, in order of preference, built from plain settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from atlaspay.core.errors import AtlasError
from payouts.rails.base import Capabilities, Rail
from payouts.rails.sandbox import adapter as sandbox

# Every rail name the product knows, whether or not this installation has it; order = preference.
RAIL_NAMES = ("rtp", "fednow", "sepa_inst", "fps")


class UnknownRailError(AtlasError):
    """No such rail in this installation."""


@dataclass(frozen=True)
class Registry:
    """The rails by name, preferred first. Immutable; one a process."""

    rails: Mapping[str, Rail]

    @cached_property
    def capabilities(self) -> dict[str, Capabilities]:
        """What each rail carries, in order of preference: the input of `routing.choose`."""
        return {name: rail.capabilities() for name, rail in self.rails.items()}

    @cached_property
    def lanes(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """(provider, credential) -> its rails: each lane has one rate budget and one breaker."""
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for name, rail in self.rails.items():
            lane = (rail.provider, rail.credential)
            found[lane] = (*found.get(lane, ()), name)
        return found

    def rail(self, name: str) -> Rail:
        """Return the rail of that name; raises UnknownRailError."""
        try:
            return self.rails[name]
        except KeyError:
            raise UnknownRailError(f"This installation has no rail {name!r}.") from None

    def of_provider(self, provider: str) -> tuple[Rail, ...]:
        """Return a provider's rails, preferred first; empty if there are none."""
        return tuple(rail for rail in self.rails.values() if rail.provider == provider)


def build(settings: Mapping[str, Any]) -> Registry:
    """Build the rails that the settings enable.

    Read: SANDBOX_ENABLED, SANDBOX_BANK_URL, SANDBOX_BANK_API_KEY, SANDBOX_BANK_WEBHOOK_SECRET (one,
    or several separated by spaces while rotating), CALLBACK_BASE_URL ("": ask for no callbacks),
    CONNECTIONS. Raises ValueError for a URL or secret that cannot work.
    """
    found: dict[str, Rail] = {}
    if settings.get("SANDBOX_ENABLED"):
        found |= sandbox.build(
            base_url=settings["SANDBOX_BANK_URL"],
            api_key=settings["SANDBOX_BANK_API_KEY"],
            webhook_secrets=str(settings["SANDBOX_BANK_WEBHOOK_SECRET"]).split(),
            callback_base_url=settings.get("CALLBACK_BASE_URL") or "",
            connections=int(settings.get("CONNECTIONS") or 200),
        )
    return Registry({name: found[name] for name in RAIL_NAMES if name in found})
