"""App configuration of the shared core."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "atlaspay.core"
    label = "core"
    verbose_name = "AtlasPay core"
