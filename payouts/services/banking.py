"""The rails of this installation, built once a process, and which of them a payout takes."""

from functools import lru_cache

from django.conf import settings

from atlaspay.core import redis
from payouts.models import Attempt, Payout, RailState
from payouts.rails import registry, routing
from payouts.rails.base import Capabilities, Rail
from payouts.rails.throttle import EndpointClass, Limits, Throttle


@lru_cache(maxsize=1)
def rails() -> registry.Registry:
    """Return the registry; raises ValueError for settings that cannot work."""
    return registry.build(
        {
            "SANDBOX_ENABLED": settings.SANDBOX_ENABLED,
            "SANDBOX_BANK_URL": settings.SANDBOX_BANK_URL,
            "SANDBOX_BANK_API_KEY": settings.SANDBOX_BANK_API_KEY,
            "SANDBOX_BANK_WEBHOOK_SECRET": settings.SANDBOX_BANK_WEBHOOK_SECRET,
            "CALLBACK_BASE_URL": settings.ATLASPAY_BASE_URL,
            "CONNECTIONS": settings.ATLASPAY_BANK_IN_FLIGHT,
        }
    )


def rail(name: str) -> Rail:
    """Return the rail of that name; raises UnknownRailError."""
    return rails().rail(name)


def capabilities() -> dict[str, Capabilities]:
    """Return what each rail carries, in order of preference."""
    return rails().capabilities


def providers() -> frozenset[str]:
    """Return the providers whose callbacks are taken."""
    return frozenset(provider for provider, _ in rails().lanes)


@lru_cache(maxsize=2)
def lanes(endpoint_class: EndpointClass) -> tuple[tuple[Throttle, tuple[str, ...]], ...]:
    """Return each bank credential's budget for one class of calls, with the rails that share it.

    Look-ups have a bucket of their own and share the breaker of the submits.
    """
    limits = Limits(
        in_flight=settings.ATLASPAY_BANK_IN_FLIGHT,
        start_rate=min(settings.ATLASPAY_BANK_RATE_START, settings.ATLASPAY_BANK_RATE_MAX),
        max_rate=settings.ATLASPAY_BANK_RATE_MAX,
    )
    return tuple(
        (
            Throttle(
                redis.client(),
                provider=provider,
                credential=credential,
                endpoint_class=endpoint_class,
                limits=limits,
            ),
            names,
        )
        for (provider, credential), names in rails().lanes.items()
    )


def next_rail(payout: Payout) -> str:
    """Return the rail after a refusal on the present one, never one that was tried; "" for none."""
    refused = Attempt.objects.filter(payout=payout, state=Attempt.State.REJECTED)
    tried = dict(refused.values_list("rail", "canonical_code")) | {payout.rail: "refused"}
    paused = RailState.objects.filter(is_paused=True).values_list("rail", flat=True)
    choice = routing.choose(
        capabilities(),
        currency=payout.currency,
        account_type=payout.account_type,
        amount_minor=payout.amount_minor,
        requested=payout.rail_requested,
        tried=tried,
        paused=set(paused),
    )
    return choice.rail or choice.waiting_for
