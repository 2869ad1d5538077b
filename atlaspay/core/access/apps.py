"""Which admin site the console is."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Django's admin over our own site."""

    default_site = "atlaspay.core.access.site.ConsoleSite"
