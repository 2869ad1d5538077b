"""`python -m atlaspay.embedded start|stop|status|env|exec -- CMD`: the embedded servers by hand."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from atlaspay import embedded
from atlaspay.embedded import lifecycle, locks

STOP_PATIENCE_S = 60


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m atlaspay.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start", help="start the servers and leave them running until `stop`")
    stop = commands.add_parser(
        "stop", help="undo `start`; the servers end when nobody uses them any more"
    )
    stop.add_argument("--now", action="store_true", help="end them even while they are in use")
    commands.add_parser("status", help="say what runs and where")
    commands.add_parser("env", help="print export lines for the shell, of servers that run")
    execute = commands.add_parser(
        "exec", help="run a command with both URLs set; the servers stay up as long as it runs"
    )
    execute.add_argument("words", nargs=argparse.REMAINDER, metavar="-- CMD")
    options = parser.parse_args(words)
    try:
        match options.command:
            case "start":
                return _start()
            case "stop":
                return _stop(now=options.now)
            case "status":
                return _status()
            case "env":
                return _env()
            case _:
                return _execute(options.words)
    except embedded.EmbeddedError as error:
        sys.stderr.write(f"atlaspay: {error}\n")
        return 1


def _start() -> int:
    embedded.ensure()
    for name in _ours():
        (embedded.home() / name / "pinned").touch()
    return _status()


def _stop(*, now: bool) -> int:
    code = 0
    for name in embedded.VARIABLES:
        directory = embedded.home() / name
        keeper = lifecycle.keeper_pid(directory)
        if keeper is None:
            continue
        (directory / "pinned").unlink(missing_ok=True)
        if now:
            os.kill(keeper, signal.SIGTERM)
        deadline = time.monotonic() + STOP_PATIENCE_S
        while not locks.is_free(directory / "keeper.lock", exclusive=False):
            is_used = not locks.is_free(directory / "users.lock") and locks.is_free(
                directory / "users.lock", exclusive=False
            )
            if (is_used and not now) or time.monotonic() > deadline:
                sys.stderr.write(
                    f"atlaspay: {name} is in use and ends with its last user (or: stop --now)\n"
                )
                code = 1
                break
            time.sleep(0.05)
    return code


def _status() -> int:
    is_up = True
    for name, variable in embedded.VARIABLES.items():
        if os.environ.get(variable) and name not in _ours():
            sys.stdout.write(f"{name}: not ours, {variable} names another\n")
            continue
        directory = embedded.home() / name
        url = lifecycle.running_url(directory)
        is_up = is_up and url is not None
        pinned = " (until stop)" if (directory / "pinned").exists() else ""
        sys.stdout.write(
            f"{name}: {'running' + pinned + ' in ' + str(directory) if url else 'not running'}\n"
        )
    return 0 if is_up else 3


def _env() -> int:
    for name, variable in embedded.VARIABLES.items():
        directory = embedded.home() / name
        url = lifecycle.running_url(directory)
        if url is None:
            sys.stderr.write(
                f"atlaspay: {name} is not running: python -m atlaspay.embedded start\n"
            )
            return 3
        sys.stdout.write(f"export {variable}={shlex.quote(url)}\n")
    return 0


def _execute(words: list[str]) -> int:
    command = words[1:] if words[:1] == ["--"] else words
    if not command:
        sys.stderr.write("atlaspay: exec needs a command after --\n")
        return 2
    embedded.ensure()
    try:
        child = subprocess.Popen(command)  # noqa: S603 - the caller's own command
    except OSError as error:
        sys.stderr.write(f"atlaspay: cannot run {command[0]}: {error.strerror}\n")
        return 127
    # Ctrl-C reaches the child by itself; whoever ends only us means it too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: child.send_signal(number))
    code = child.wait()
    return code if code >= 0 else 128 - code


def _ours() -> list[str]:
    """Return the servers that the environment leaves to us."""
    running = {lifecycle.running_url(embedded.home() / name) for name in embedded.VARIABLES}
    return [
        n
        for n, variable in embedded.VARIABLES.items()
        if os.environ.get(variable) in {None, "", *running}
    ]


if __name__ == "__main__":
    sys.exit(main())
