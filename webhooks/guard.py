"""Where a webhook may go: rules for the URL at registration, and for the address at each connect.

The second is the one that protects: a name may resolve to another address at any time, so the
resolved address is judged as the socket for it is made. `WEBHOOKS_ALLOW_PRIVATE` (demo, sandbox)
opens loopback and private networks, never link-local (cloud metadata) or multicast.
"""

import errno
import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from atlaspay.core.errors import FieldError

URL_LIMIT = 500
PORTS = frozenset({443, 8443})
_INNER_SUFFIXES = (".local", ".localhost", ".internal", ".home.arpa", ".lan", ".corp", ".onion")
_HOST = re.compile(
    r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)
# What inet_aton takes for an address: 127.1, 0x7f000001, 017700000001, 2130706433.
_NUMERIC_HOST = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?")

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA special-purpose registries, read in 2026, and what clouds put beside them.
_DENIED: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
        *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure's platform address is public by number
        *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    )
)
# Of IPv6 only global unicast is ever routed to; ::/96, mapped, NAT64, ULA, fec0::/10 lie outside.
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_PRIVATE: tuple[_Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1", "fc00::/7")
)


class AddressRefusedError(OSError):
    """A name resolved to an address that webhooks must not reach (errno EACCES)."""

    def __init__(self, address: str) -> None:
        super().__init__(errno.EACCES, f"the address {address} is not a public one")


def is_reachable(address: str, *, allow_private: bool) -> bool:
    """Say whether a webhook may connect to this IP address (text, as the resolver returned it)."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if allow_private and any(ip in network for network in _PRIVATE):
        return True
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _GLOBAL_V6:
        return False
    return not any(ip in network for network in _DENIED)


def open_socket(address_info: tuple[Any, ...]) -> socket.socket:
    """Make the socket for a resolved address (aiohttp's `socket_factory`).

    Raises AddressRefusedError where the address is not a public one.
    """
    family, kind, protocol, _, address = address_info
    if not is_reachable(str(address[0]), allow_private=settings.WEBHOOKS_ALLOW_PRIVATE):
        raise AddressRefusedError(str(address[0]))
    return socket.socket(family, kind, protocol)


def url_faults(url: str, *, allow_private: bool) -> list[FieldError]:
    """Return what is wrong with an endpoint's URL, each with the pointer `/url`.

    Resolves no name: that is done, and judged, at each connect.
    """
    return [
        FieldError(pointer="/url", code=code, detail=detail)
        for code, detail in _faults(url, allow_private)
    ]


def _faults(url: str, allow_private: bool) -> list[tuple[str, str]]:
    if len(url) > URL_LIMIT:
        return [("url_too_long", f"The URL has {len(url)} characters; at most {URL_LIMIT}.")]
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return [("url_malformed", "Write the URL in ASCII (punycode host, %-escapes), no blanks.")]
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return [("url_malformed", "This is not a URL.")]
    if parts.scheme not in {"https", "http"} or not host:
        return [("url_malformed", "Give a full URL, such as https://shop.example/webhooks.")]
    faults = []
    if parts.scheme == "http" and not allow_private:
        faults.append(("url_not_https", "Only https URLs receive live events."))
    if parts.username is not None or parts.password is not None:
        faults.append(
            (
                "url_userinfo",
                "A user name or password in a URL is refused; check the signature instead.",
            )
        )
    if parts.fragment or url.endswith("#"):
        faults.append(("url_fragment", "A fragment (#…) is never sent; leave it out."))
    if not allow_private:
        faults += _host_faults(host)
        if port is not None and port not in PORTS:
            faults.append(("url_port", "Only the ports 443 and 8443 are reached."))
    elif port == 0:
        faults.append(("url_port", "Port 0 cannot be reached."))
    return faults


def _host_faults(host: str) -> list[tuple[str, str]]:
    if ":" in host or _NUMERIC_HOST.fullmatch(host):
        return [("url_ip_literal", "Use a host name; an IP address is refused.")]
    if host.rstrip(".").endswith(_INNER_SUFFIXES) or not _HOST.fullmatch(host.removesuffix(".")):
        return [("url_host", "Use a public host name, such as shop.example.")]
    return []
