"""Flags and environment of the sandbox bank, the same for the module and the management command."""

import argparse
import os
import sys
from pathlib import Path

from payouts.rails.simulator.server import (
    DEFAULT_PORT,
    DEMO_API_KEY,
    DEMO_WEBHOOK_SECRET,
    serve,
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the bank's flags; each falls back to the environment variable its help names."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument(
        "--port", help=f"port, 0 for a free one (SANDBOX_BANK_PORT, {DEFAULT_PORT})"
    )
    parser.add_argument("--api-key", help="bearer key clients send (SANDBOX_BANK_API_KEY)")
    parser.add_argument(
        "--webhook-secret", help="whsec_ secret that signs callbacks (SANDBOX_BANK_WEBHOOK_SECRET)"
    )
    parser.add_argument(
        "--webhook-url",
        help="where callbacks go when a transfer names no address (SANDBOX_BANK_WEBHOOK_URL)",
    )
    parser.add_argument(
        "--journal", help="file that keeps the books over a restart (SANDBOX_BANK_JOURNAL)"
    )
    parser.add_argument(
        "--request-log",
        type=int,
        default=10_000,
        help="requests kept for /_sim/requests (10000)",
    )


def serve_with(options: argparse.Namespace) -> int:
    """Serve with parsed flags; return the exit code."""
    environ = os.environ
    port_text = options.port or environ.get("SANDBOX_BANK_PORT") or str(DEFAULT_PORT)
    if not (port_text.isascii() and port_text.isdigit() and int(port_text) < 65536):
        sys.stderr.write(
            f"sandbox bank: {port_text!r} is no port: set SANDBOX_BANK_PORT to 0-65535.\n"
        )
        return 1
    journal = options.journal or environ.get("SANDBOX_BANK_JOURNAL")
    secret = options.webhook_secret or environ.get("SANDBOX_BANK_WEBHOOK_SECRET")
    return serve(
        host=options.host,
        port=int(port_text),
        api_key=options.api_key or environ.get("SANDBOX_BANK_API_KEY") or DEMO_API_KEY,
        webhook_secret=secret or DEMO_WEBHOOK_SECRET,
        webhook_url=options.webhook_url or environ.get("SANDBOX_BANK_WEBHOOK_URL") or None,
        journal_path=Path(journal) if journal else None,
        request_log=max(0, options.request_log),
    )
