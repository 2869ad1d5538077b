"""The rails of this installation, built once a process from the settings, and which of them a
payout takes.
"""

from functools import lru_cache

from django.conf import settings

from payouts.rails import registry


@lru_cache(maxsize=1)
def _registry() -> registry.Registry:
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
