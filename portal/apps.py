"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        """Write the portal's mails wherever mails are sent."""
        mail, letters = import_module("portal.mail"), import_module("webhooks.letters")
        letters.WRITERS[mail.ROOM] = mail.write

    default_auto_field = "django.db.models.BigAutoField"
