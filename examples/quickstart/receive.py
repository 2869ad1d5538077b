"""Receive webhooks of AtlasPay, believe the genuine ones, and do each once. Standard library only.

python3 receive.py FILE [PORT]: FILE is the answer to creating the endpoint; it holds the secret.
"""

import base64
import hmac
import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """`headers` with lower-case names; `body` exactly as received."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(time.time() - int(timestamp)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    for offered in headers.get("webhook-signature", "").split():
        version, _, text = offered.partition(",")
        try:
            if version == "v1" and hmac.compare_digest(
                base64.b64decode(text, validate=True), expected
            ):
                return True
        except ValueError:  # not base64
            continue
    return False


class Receiver(BaseHTTPRequestHandler):
    """2xx for what we sent, also for what came twice; 400 for everything else."""

    secret = ""
    seen: set[str] = set()  # yours is a table with a unique key, so that a restart forgets nothing
    lock = Lock()

    def do_POST(self) -> None:
        """Verify the raw body first; parse it afterwards."""
        body = self.rfile.read(min(int(self.headers.get("content-length") or 0), 65_536))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(self.secret, headers, body):
            return self.answer(400, "refused")
        with self.lock:
            is_new = headers["webhook-id"] not in self.seen
            self.seen.add(headers["webhook-id"])
        return self.answer(204, describe(json.loads(body)) if is_new else "seen before")

    def answer(self, status: int, words: str) -> None:
        """Answer, and say so."""
        self.send_response(status)
        self.end_headers()
        print(f"{status} {words}\n", end="", flush=True)  # one write: threads share the screen

    def log_request(self, *_: object) -> None:
        """Leave the lines to `answer`."""


def describe(event: dict) -> str:
    """Return one line on an event."""
    payout = event["data"].get("payout")
    if payout is None:
        return event["type"]
    failure = payout.get("failure") or {}
    return f"{event['type']} {payout['reference']} {failure.get('code', '')}".strip()


if __name__ == "__main__":
    Receiver.secret = json.loads(Path(sys.argv[1]).read_text())["secret"]
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8300
    print(f"listening on 127.0.0.1:{port}", flush=True)
    ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
