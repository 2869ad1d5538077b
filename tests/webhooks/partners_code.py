"""Receivers as partners write them: one that verifies by somebody else's library, and sloppy ones.

Each takes (headers in lower case, raw body) and returns the status it answers.
"""

import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

Handler = Callable[[dict[str, str], bytes], int]


def verifying(*secrets: str) -> Handler:
    """Verify with `standardwebhooks`; any of the secrets will do."""

    def handle(headers: dict[str, str], body: bytes) -> int:
        for secret in secrets:
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError:
                continue
            return 204
        return 400

    return handle


def trusting(headers: dict[str, str], body: bytes) -> int:
    """Believe everything."""
    return 200


def timeless(secret: str) -> Handler:
    """Verify the signature and never look at the time."""

    def handle(headers: dict[str, str], body: bytes) -> int:
        key = b64decode(secret.removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        good = "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode()
        return 200 if good in headers["webhook-signature"].split() else 401

    return handle


@dataclass
class Once:
    """Verify, and take a repetition for an error."""

    inner: Handler
    seen: set[str] = field(default_factory=set)

    def __call__(self, headers: dict[str, str], body: bytes) -> int:
        """Answer 409 to what was seen before."""
        if headers["webhook-id"] in self.seen:
            return 409
        self.seen.add(headers["webhook-id"])
        return self.inner(headers, body)


def lower(request: web.BaseRequest) -> dict[str, str]:
    """Return the headers by lower-case name."""
    return {name.lower(): value for name, value in request.headers.items()}
