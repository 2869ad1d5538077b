"""What a failed attempt most likely means and what to do, in words its receiver can act on."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol

SKEW_S = 120


class Seen(Protocol):
    """An attempt or the answer to a check, as far as words about it go."""

    @property
    def http_status(self) -> int | None:
        """The status, None where none came."""

    @property
    def error(self) -> str:
        """The stable code of what failed."""

    @property
    def detail(self) -> str:
        """What the network said."""

    @property
    def response_headers(self) -> Mapping[str, str]:
        """The kept headers, names in lower case."""

    @property
    def started_at(self) -> datetime | None:
        """When the call began."""

    @property
    def duration_ms(self) -> int | None:
        """How long it took."""


_BY_ERROR = {
    "in_doubt": "Our sender stopped before the answer came; you may have received this one twice.",
    "dns": "The host name does not resolve. Check the URL and your DNS records.",
    "dns_timeout": "Your name servers do not answer in time. Look at your DNS zone's servers.",
    "connection_refused": "Nothing listens on that port. Is the server running and the port open?",
    "connect_timeout": (
        "No TCP and TLS connection within 3 seconds. A firewall may drop our packets, or the"
        " server is too busy to accept."
    ),
    "timeout": (
        "The connection stood, but no answer came in time. Answer 2xx first, then do the work."
    ),
    "connection_reset": "The connection was closed before an answer. Look at your proxy's limits.",
    "address_refused": (
        "The host name leads to an address that is not public; we never call those. Point the"
        " name's A and AAAA records to public addresses."
    ),
    "tls": "The TLS handshake failed. Offer TLS 1.2 or newer with a usual cipher.",
    "unreachable": "There is no route to the host. Is the address in its DNS record right?",
    "bad_http": "What came back is not HTTP. Is another service on that port?",
}
_BY_STATUS = {
    400: "Your handler refused the message. Verify the signature over the raw body, as received.",
    401: "Something before your handler asks for a login. Let our requests pass without.",
    403: "A firewall, WAF or CSRF check refused the request. Exempt the path.",
    404: "The path does not exist on your server. Compare the URL with your routes.",
    405: "The path does not take POST.",
    410: "You answered 410, so we disabled the endpoint.",
    413: "Your server refuses bodies of this size; ours have at most 64 KB.",
    415: "Your server does not take application/json there.",
    429: "You asked us to slow down; we do, and honour Retry-After.",
}
_CERTIFICATE_CURES = (
    ("expired", "Renew it."),
    ("not valid before", "Check its dates and your server's clock."),
    ("not for", "Issue one for this host name, or correct the URL."),
    ("by itself", "Use one from a public authority, such as Let's Encrypt."),
    ("issuer", "Send the whole chain (fullchain.pem)."),
)


def explain(seen: Seen) -> str | None:
    """Return what went wrong and what to do; None where there is nothing to say."""
    status = seen.http_status
    if status is None:
        return _unanswered(seen)
    if 200 <= status < 300:
        return _slow_body(seen)
    headers = seen.response_headers
    if 300 <= status < 400:
        moved_to = headers.get("location")
        hint = f" It points to {moved_to}; set that as the URL." if moved_to else ""
        return f"Redirects are not followed.{hint}"
    skew_s = _skew_s(seen)
    if status in {400, 401, 403} and skew_s is not None and abs(skew_s) > SKEW_S:
        way = "ahead" if skew_s > 0 else "behind"
        return (
            f"Your server's clock is {abs(skew_s)} s {way}, so that our timestamps look wrong to"
            " it. Synchronise it (NTP)."
        )
    if "text/html" in headers.get("content-type", "").lower():
        return _html(status)
    if status >= 500:
        return "Your server failed while it handled the message; its log will say why."
    return _BY_STATUS.get(status, "Only a 2xx answer counts as received.")


def _unanswered(seen: Seen) -> str | None:
    if seen.error == "tls_certificate":
        cures = (cure for word, cure in _CERTIFICATE_CURES if word in seen.detail)
        return f"{seen.detail} {next(cures, 'Renew it, or send the whole chain.')}"
    return _BY_ERROR.get(seen.error, seen.detail or None)


def _slow_body(seen: Seen) -> str | None:
    if not seen.detail:
        return None
    return (
        "Received: your 2xx counts. But the answer's body did not end in time; send an empty one"
        " (204)."
    )


def _html(status: int) -> str:
    if status in {401, 403}:
        return (
            "An HTML page came back: a login page or a WAF stands before your handler. Exempt the"
            " path."
        )
    if status == 404:
        return (
            "An HTML page came back: the URL leads to your website, not to your handler. Compare"
            " it with your routes."
        )
    return (
        f"An HTML page came back with {status}: a proxy or website answered, not your handler."
        " Is the handler running behind it?"
    )


def _skew_s(seen: Seen) -> int | None:
    """Return how far the receiver's clock is ahead, by its Date header (whole seconds)."""
    try:
        theirs = parsedate_to_datetime(seen.response_headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    if seen.started_at is None:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    answered_at = seen.started_at + timedelta(milliseconds=seen.duration_ms or 0)
    return round((theirs - answered_at).total_seconds())
