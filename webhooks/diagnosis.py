"""What a failed attempt most likely means, in words its receiver can act on."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from webhooks.models import DeliveryAttempt

SKEW_S = 120

_BY_ERROR = {
    "in_doubt": "Our sender stopped before the answer came; you may have received this one twice.",
    "dns": "The host name does not resolve. Check the URL and your DNS records.",
    "connection_refused": "Nothing listens on that port. Is the server running and the port open?",
    "connect_timeout": "No connection within 3 seconds. A firewall may drop our packets.",
    "timeout": "The answer took too long. Answer 2xx first, then do the work.",
    "connection_reset": "The connection was closed before an answer. Look at your proxy's limits.",
    "address_refused": "The host name leads to an address that is not public; we never call those.",
    "tls": "The TLS handshake failed. Offer TLS 1.2 or newer with a usual cipher.",
    "unreachable": "There is no route to the host.",
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


def explain(attempt: DeliveryAttempt) -> str | None:
    """Return a sentence for a failed attempt, None for a delivered one."""
    if attempt.outcome == DeliveryAttempt.Outcome.DELIVERED:
        return None
    status = attempt.http_status
    if status is None:
        if attempt.error == "tls_certificate":
            return f"{attempt.detail} Renew it, or send the whole chain."
        return _BY_ERROR.get(attempt.error, attempt.detail or None)
    headers = attempt.response_headers
    if 300 <= status < 400:
        moved_to = headers.get("location")
        hint = f" It points to {moved_to}; set that as the URL." if moved_to else ""
        return f"Redirects are not followed.{hint}"
    skew_s = _skew_s(attempt)
    if status in {400, 401, 403} and skew_s is not None and abs(skew_s) > SKEW_S:
        return f"Your server's clock is {abs(skew_s)} s off; signatures look too old to it."
    if status in {401, 403} and "text/html" in headers.get("content-type", ""):
        return "An HTML page came back: a login page or a WAF stands before your handler."
    if status >= 500:
        return "Your server failed while it handled the message; its log will say why."
    return _BY_STATUS.get(status, "Only a 2xx answer counts as received.")


def _skew_s(attempt: DeliveryAttempt) -> int | None:
    try:
        theirs = parsedate_to_datetime(attempt.response_headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    if attempt.started_at is None:
        return None
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    return round((theirs - attempt.started_at).total_seconds())
