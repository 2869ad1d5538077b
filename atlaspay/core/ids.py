"""Public identifiers: a short prefix and a UUIDv7 in Crockford base32 (`po_01k…`).

Sortable by creation time, the same text in the database, URLs, logs, tasks and webhooks.
"""

import os
import re
import threading
import time
from datetime import datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_PATTERN = re.compile(rf"^[a-z]{{2,4}}_[0-7][{ALPHABET}]{{25}}$")

_lock = threading.Lock()
_last_ms = 0
_counter = 0


def uuid7_int() -> int:
    """Return a UUIDv7 (RFC 9562, method 1: 12-bit counter in rand_a) as an integer, rising within
    one process.
    """
    global _last_ms, _counter
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _counter = now_ms, int.from_bytes(os.urandom(1), "big")
        else:
            _counter += 1
            if _counter > 0xFFF:
                _last_ms, _counter = _last_ms + 1, 0
        ms, counter = _last_ms, _counter
    tail = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return (ms << 80) | (0x7 << 76) | (counter << 64) | (0b10 << 62) | tail


def encode(value: int) -> str:
    """Encode 128 bits as 26 lower-case Crockford base32 characters."""
    return "".join([_PAIRS[(value >> shift) & 0x3FF] for shift in range(120, -1, -10)])


def new_id(prefix: str) -> str:
    """Return a new public id, such as `po_01jd…`."""
    return f"{prefix}_{encode(uuid7_int())}"


def floor(prefix: str, at: datetime) -> str:
    """Return the lowest id an object made at this instant can have: for ranges by time."""
    return f"{prefix}_{encode(max(0, int(at.timestamp() * 1000)) << 80)}"


def is_id(text: str, prefix: str) -> bool:
    """Say whether `text` has the shape of a public id with this prefix."""
    return text.startswith(prefix + "_") and _PATTERN.match(text) is not None
