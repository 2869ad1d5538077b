"""App configuration."""

from django.apps import AppConfig


class ComplianceConfig(AppConfig):
    name = "compliance"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep back from sending again what a rescreen reported while it was on its way."""
        from compliance.selectors.held_back import reported  # noqa: PLC0415 - models load first
        from payouts.services import dispatch  # noqa: PLC0415

        dispatch.HELD_BACK.append(reported())
