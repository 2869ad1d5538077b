"""What is wrong with a certificate that was not accepted: its dates and names, in words.

The second connection made for this checks nothing and sends nothing; it only reads the certificate.
"""

import asyncio
import socket
import ssl
from datetime import UTC, datetime

import aiohttp
from cryptography import x509
from cryptography.x509.oid import NameOID
from yarl import URL

from webhooks import guard

LOOK_S = 3.0
NAMES_SHOWN = 3
# OpenSSL's x509_vfy.h.
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED, _OTHER_HOST = 9, 10, 18, 62
_ISSUER_UNKNOWN = frozenset({19, 20, 21})


async def words(error: aiohttp.ClientConnectorCertificateError, url: URL) -> str:
    """Return a sentence on why the certificate was refused, with dates and names where they help.

    Looks at the certificate again, for three seconds at most; without an answer it says less.
    """
    cause = error.certificate_error
    code = cause.verify_code if isinstance(cause, ssl.SSLCertVerificationError) else 0
    try:
        async with asyncio.timeout(LOOK_S):
            found = await _shown_by(url)
    except (OSError, ValueError):  # TimeoutError and ssl.SSLError are OSErrors
        found = None
    return describe(code, found, url.host or "", getattr(cause, "verify_message", ""))


def describe(code: int, found: x509.Certificate | None, host: str, message: str) -> str:
    """Return the sentence for an OpenSSL verification code."""
    if code == _EXPIRED:
        until = f" on {_day(found.not_valid_after_utc)}" if found else ""
        return f"The certificate expired{until}."
    if code == _NOT_YET_VALID:
        since = f" before {_day(found.not_valid_before_utc)}" if found else " yet"
        return f"The certificate is not valid{since}."
    if code == _OTHER_HOST:
        names = f" but for {_names(found)}" if found and _names(found) else ""
        return f"The certificate is not for {host}{names}."
    if code == _SELF_SIGNED:
        return "The certificate is signed by itself, not by an authority."
    if code in _ISSUER_UNKNOWN:
        issuer = f" ({_issuer(found)})" if found and _issuer(found) else ""
        return f"The certificate's issuer{issuer} is not known: a link of the chain is missing."
    return f"The certificate was not accepted: {message or 'it does not verify'}."


async def _shown_by(url: URL) -> x509.Certificate | None:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    opened = guard.open_socket(found[0])
    try:
        opened.setblocking(False)
        await loop.sock_connect(opened, found[0][4])
        transport, _ = await loop.create_connection(
            asyncio.Protocol, sock=opened, ssl=_reading_only(), server_hostname=url.host
        )
    except BaseException:
        opened.close()
        raise
    try:
        raw = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        transport.abort()
    return x509.load_der_x509_certificate(raw) if raw else None


def _reading_only() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _day(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _names(found: x509.Certificate) -> str:
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ""
    names = [_plain(name) for name in extension.value.get_values_for_type(x509.DNSName)]
    more = " and others" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _issuer(found: x509.Certificate) -> str:
    texts = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return _plain(str(texts[0].value)) if texts else ""


def _plain(text: str) -> str:
    """Return what a stranger wrote into a certificate as one short printable line."""
    return "".join(letter for letter in text if letter.isprintable())[:60]
