"""Whose address a request comes from. Knows how many proxies of ours stand before the web."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> IPv4Address | IPv6Address | None:
    """Return the caller's address, or None where it cannot be read.

    X-Forwarded-For counts only for as many entries from the right as ATLASPAY_TRUSTED_PROXIES says:
    whatever stands further left is the caller's own claim. IPv4 in IPv6 clothing is undressed.
    """
    text = request.META.get("REMOTE_ADDR", "")
    hops = settings.ATLASPAY_TRUSTED_PROXIES
    if hops:
        named = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(named) >= hops and named[-hops]:
            text = named[-hops]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
