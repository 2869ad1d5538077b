"""`python -m atlaspay.run [--demo]`: the platform with sample payouts, to watch or to be judged."""

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from atlaspay import embedded
from atlaspay.run import session, table, verdict
from atlaspay.run.demo import await_webhooks, follow_to_the_end
from atlaspay.run.errors import RunError
from atlaspay.run.expect import read_rows
from atlaspay.run.session import ROOT, Session

WATCH_S = 0.5
SHOW_AT_MOST_S = 600
OPEN = ("queued", "processing")


def main(words: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C, or as a demo until it is judged; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m atlaspay.run", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="fresh state, judge the ends, leave")
    parser.add_argument("--file", type=Path, default=ROOT / "examples" / "payouts.csv")
    options = parser.parse_args(words)
    console = Console(highlight=False)
    say = partial(console.print, soft_wrap=True, markup=False)
    # Ctrl-C too: a shell that starts us in the background would have us ignore it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    running: Session | None = None
    try:
        rows = read_rows(options.file)
        with session.own_home(is_demo=options.demo) as home:
            try:
                running = session.start(home, say, is_demo=options.demo)
                if options.demo:
                    return _demo(running, rows, console)
                _show(running, rows, console)
                return 0
            finally:
                _stop(running, console)
    except (RunError, embedded.EmbeddedError) as error:
        console.file.flush()
        sys.stderr.write(f"atlaspay: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130 if options.demo else 0


def _show(running: Session, rows: list[dict[str, str]], console: Console) -> None:
    """Show the sample settling, then stay up."""
    batches = session.submit(running, rows)
    # First: the sample's retries take minutes, and nobody should wait for a key or a login.
    _print_addresses(running, console)
    began = time.monotonic()
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            for shown, stats in _progress(running, batches, began):
                live.update(table.render(shown, stats, elapsed_s=time.monotonic() - began))
    else:
        last = ""
        for shown, stats in _progress(running, batches, began):
            line = table.plain_line(shown, stats)
            if line != last:
                running.say(line)
            last = line
    running.say("the sample has come to its end; Ctrl-C stops it all")
    while True:
        running.watch()
        time.sleep(WATCH_S)


def _progress(running: Session, batches: list[dict[str, Any]], began: float) -> Any:
    """Yield the batches and the receiver's counters until nothing moves by itself any more."""
    partner = running.partner()
    while True:
        running.watch()
        shown = [partner.batch(batch["id"]) for batch in batches]
        yield shown, running.webhook_stats()
        is_open = any(
            batch["totals"].get(status, {}).get("count") for batch in shown for status in OPEN
        )
        if not is_open or time.monotonic() - began > SHOW_AT_MOST_S:
            return
        time.sleep(WATCH_S)


def _demo(running: Session, rows: list[dict[str, str]], console: Console) -> int:
    """Follow the sample to its ends and judge it; the last line is one JSON object."""
    began = time.monotonic()
    earlier = {event["id"] for event in running.partner().events()}
    batches = session.submit(running, rows)
    payouts = follow_to_the_end(running, rows, batches, began)
    webhooks = await_webhooks(running, earlier)
    environment = running.children.environment
    checks = {
        "webhooks": webhooks,
        **verdict.judge_by_commands(ROOT, environment),
        "bank": verdict.judge_bank(running.bank().get("/_sim/audit").json()),
    }
    result = verdict.summary(
        rows,
        payouts,
        checks,
        restarts=running.children.restarts(),
        seconds=round(time.monotonic() - began, 1),
    )
    _stop(running, console)
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    return 0 if result["ok"] else 1


def _print_addresses(running: Session, console: Console) -> None:
    base, found = running.base_url, running.credentials
    console.print()
    console.print(f"Partner API    {base}/v1/docs/")
    console.print(f"  API key      {found['api_key']}")
    console.print(f"Console        {base}/console/")
    for login in found.get("logins", []):
        console.print(f"  {login['role']:<12} {login['username']} / {login['password']}")
    console.print(f"Portal         {base}/portal/")
    for login in found.get("members", []):
        console.print(f"  {login['role']:<12} {login['username']} / {login['password']}")
    console.print(f"Sandbox bank   http://127.0.0.1:{running.ports.bank}/_sim/audit")
    console.print(f"Webhooks seen  http://127.0.0.1:{running.ports.receiver}/events")
    console.print(f"Logs           {running.children.directory}")
    console.print("Ctrl-C stops it all.\n")


def _stop(running: Session | None, console: Console) -> None:
    """Stop everything once; a second Ctrl-C does not cut it short, for it ends within seconds."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if running is not None and running.children.stop():
        console.print("stopped")
    embedded.release()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
