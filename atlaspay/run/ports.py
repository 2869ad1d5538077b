"""The ports of a run: fixed ones that must be free, or, for the demo, free ones instead."""

import os
import socket
from dataclasses import dataclass

from atlaspay.run.errors import RunError

DEFAULTS = {"PORT": 8000, "SANDBOX_BANK_PORT": 8100, "DEMO_RECEIVER_PORT": 8200}
USES = {"PORT": "web", "SANDBOX_BANK_PORT": "sandbox bank", "DEMO_RECEIVER_PORT": "demo receiver"}


@dataclass(frozen=True)
class Ports:
    """Where the three listeners of a run listen, on 127.0.0.1."""

    web: int
    bank: int
    receiver: int

    def environment(self) -> dict[str, str]:
        """Return the variables that tell the processes."""
        numbers = zip(DEFAULTS, (self.web, self.bank, self.receiver), strict=True)
        return {name: str(port) for name, port in numbers}


def choose(*, may_move: bool) -> Ports:
    """Return the ports the environment asks for, or the defaults.

    With `may_move` a default that is taken gives way to a free port; one that was asked for never
    does. Raises RunError naming the variable of a port that is taken or no port at all.
    """
    chosen: list[int] = []
    for variable, default in DEFAULTS.items():
        text = os.environ.get(variable) or ""
        if text and not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            raise RunError(f"{variable}={text!r} is no port: use a number from 1 to 65535")
        port = int(text) if text else default
        if port in chosen:
            raise RunError(f"port {port} is given twice: set {variable} to another")
        if not _is_free(port):
            if text or not may_move:
                raise RunError(
                    f"port {port} ({USES[variable]}) is taken: stop what listens there"
                    f" or set {variable} to a free port"
                )
            port = _any_free_port()
        chosen.append(port)
    return Ports(*chosen)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers do: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
