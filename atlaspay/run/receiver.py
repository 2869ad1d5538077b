"""A partner's webhook receiver for demos and benchmarks: verifies, counts, remembers.

It shares no code with the sender: signatures are checked after the Standard Webhooks 1.0 text, so
that sender and receiver cannot be wrong together.

POST /anything takes a webhook (204, or 400 with the reason). GET /stats, GET /events?limit=N.
PUT /secrets {"secrets": ["whsec_..."]} adds keys; POST /reset forgets everything but the keys.
"""

import argparse
import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import msgspec
import uvloop
from aiohttp import web

TOLERANCE_S = 300
REMEMBERED_IDS = 1_000_000


class Notice(msgspec.Struct):
    """What of a payload is kept."""

    id: str = ""
    type: str = ""
    timestamp: str = ""
    sequence: int | None = None
    data: dict[str, Any] = {}


class Receiver:
    """Counters and memory of one receiver; everything runs on one event loop."""

    def __init__(self, secrets: list[str], keep: int) -> None:
        self._keys = [decode_secret(secret) for secret in secrets]
        self._decode = msgspec.json.Decoder(Notice).decode
        self._keep = keep
        self.reset()

    def reset(self) -> None:
        """Forget what arrived."""
        self.received = self.valid = self.duplicates = 0
        self.invalid: Counter[str] = Counter()
        self.types: Counter[str] = Counter()
        self.first_at = self.last_at = 0.0
        self._seen: dict[str, None] = {}
        self._events: deque[dict[str, Any]] = deque(maxlen=self._keep)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.method == "POST" and request.path != "/reset":
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                return web.json_response({"error": "body too large"}, status=413)
            fault = self.take(request.headers, body)
            return web.Response(status=204) if fault is None else _refuse(fault)
        match request.method, request.path:
            case "POST", "/reset":
                self.reset()
                return web.Response(status=204)
            case "GET", "/stats":
                return web.json_response(self.stats())
            case "GET", "/events":
                limit = request.query.get("limit", "100")
                count = int(limit) if limit.isascii() and limit.isdigit() else 100
                return web.json_response({"events": list(self._events)[-count:] if count else []})
            case "PUT", "/secrets":
                try:
                    more = msgspec.json.decode(await request.read(), type=dict[str, list[str]])
                    self._keys += [decode_secret(secret) for secret in more["secrets"]]
                except (msgspec.MsgspecError, KeyError, ValueError):
                    return _refuse('send {"secrets": ["whsec_..."]}')
                return web.Response(status=204)
            case _:
                return web.json_response({"error": "not found"}, status=404)

    def take(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """Count one webhook; returns what is wrong with it, or None."""
        now = time.time()
        self.received += 1
        self.first_at = self.first_at or now
        self.last_at = now
        fault = verify(self._keys, headers, body, now=now)
        if fault is None:
            try:
                notice = self._decode(body)
            except msgspec.MsgspecError:
                fault = "payload is no event"
        if fault is not None:
            self.invalid[fault] += 1
            return fault
        self.valid += 1
        message_id = headers["webhook-id"]
        if message_id in self._seen:
            self.duplicates += 1
        elif len(self._seen) < REMEMBERED_IDS:
            self._seen[message_id] = None
        self.types[notice.type] += 1
        # `data` has one member, named for the kind of object it shows: payout, batch, endpoint.
        shown = next((each for each in notice.data.values() if isinstance(each, dict)), {})
        self._events.append(
            {
                "message_id": message_id,
                "id": notice.id,
                "type": notice.type,
                "object_id": shown.get("id"),
                "status": shown.get("status"),
                "sequence": notice.sequence,
                "timestamp": notice.timestamp,
                "received_at": now,
                "attempt": headers.get("webhook-attempt"),
            }
        )
        return None

    def stats(self) -> dict[str, Any]:
        """Return the counters; instants are Unix seconds, 0 before anything came."""
        return {
            "received": self.received,
            "valid": self.valid,
            "invalid": sum(self.invalid.values()),
            "invalid_by_reason": dict(self.invalid),
            "distinct": len(self._seen),
            "duplicates": self.duplicates,
            "types": dict(self.types),
            "first_at": self.first_at,
            "last_at": self.last_at,
        }


def decode_secret(secret: str) -> bytes:
    """Return the key in a `whsec_` secret; raises ValueError for what is none."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise ValueError("a secret is whsec_ and base64") from error


def verify(keys: list[bytes], headers: Mapping[str, str], body: bytes, *, now: float) -> str | None:
    """Check one message after Standard Webhooks 1.0; returns what is wrong, or None.

    `now`: Unix seconds. Any signature of the list made with any key will do, while keys rotate.
    """
    try:
        message_id = headers["webhook-id"]
        sent_at = headers["webhook-timestamp"]
        signatures = headers["webhook-signature"].split(" ")
    except KeyError as missing:
        return f"no {missing.args[0]} header"
    if not (sent_at.isascii() and sent_at.isdigit()):
        return "timestamp is no number"
    if abs(now - int(sent_at)) > TOLERANCE_S:
        return "timestamp is too old or too new"
    signed = f"{message_id}.{sent_at}.".encode() + body
    for key in keys:
        good = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        if any(hmac.compare_digest(f"v1,{good}", signature) for signature in signatures):
            return None
    return "no signature fits"


def _refuse(fault: str) -> web.Response:
    return web.json_response({"error": fault}, status=400)


async def serve(receiver: Receiver, host: str, port: int) -> None:
    """Listen until SIGTERM or SIGINT; writes one line when it does."""
    server = web.Server(receiver.handle, access_log=None)
    runner = web.ServerRunner(server)
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=1024).start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    sys.stdout.write(f"demo receiver listens on http://{host}:{port}/\n")
    sys.stdout.flush()
    await stopped.wait()
    await runner.cleanup()


def main() -> int:
    """Read the flags and serve; a taken port is one line."""
    parser = argparse.ArgumentParser(prog="python -m atlaspay.run.receiver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, default=int(os.environ.get("DEMO_RECEIVER_PORT") or 8200)
    )
    parser.add_argument("--secret", action="append", help="whsec_ key; may be given more than once")
    parser.add_argument("--keep", type=int, default=20_000, help="events to remember")
    options = parser.parse_args()
    secrets = options.secret or os.environ.get("DEMO_RECEIVER_SECRETS", "").split()
    try:
        uvloop.run(serve(Receiver(secrets, options.keep), options.host, options.port))
    except ValueError as error:
        sys.stderr.write(f"atlaspay: DEMO_RECEIVER_SECRETS: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(
            f"atlaspay: cannot listen on {options.host}:{options.port} ({error.strerror}):"
            " set DEMO_RECEIVER_PORT to a free port\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
