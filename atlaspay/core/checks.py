"""What Django's system check says of this installation."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

PREFIXED = (
    "AtlasPay is served from the root of its host, not below a path: banks' callbacks, links in"
    " mails, the portal's cookie and the API's Location headers begin at /."
)


@register()
def served_from_the_root(**_: Any) -> list[CheckMessage]:
    """Refuse a path before our own: half of the addresses would lead elsewhere."""
    found: list[CheckMessage] = []
    if settings.FORCE_SCRIPT_NAME:
        hint = "Take FORCE_SCRIPT_NAME away and give AtlasPay a host name of its own."
        found.append(Error(PREFIXED, hint=hint, id="atlaspay.E001"))
    if urlsplit(settings.ATLASPAY_BASE_URL).path.strip("/"):
        hint = "Set ATLASPAY_BASE_URL to scheme, host and port alone."
        found.append(Error(PREFIXED, hint=hint, id="atlaspay.E002"))
    return found
