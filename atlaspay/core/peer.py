"""Whose address a request comes from. Knows how many proxies of ours stand before the web."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

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


def network_of(address: IPv4Address | IPv6Address) -> IPv4Network | IPv6Network:
    """Return what failures of one caller are counted under: the address, of IPv6 its /64, which is
    what one customer of a provider has.
    """
    return ip_network((address, 64 if address.version == 6 else 32), strict=False)
