"""One run of the whole platform on this machine: servers, processes, sample batches, what to see.

The steps stand in the order in which they happen; whatever fails, `__main__` stops what runs.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import redis
import requests
from honcho.environ import parse_procfile

from atlaspay import embedded
from atlaspay.core.http import BoundSession, session
from atlaspay.embedded import locks, paths
from atlaspay.run import ports
from atlaspay.run.children import Children, environment
from atlaspay.run.errors import RunError
from atlaspay.run.partner import Partner
from payouts.rails.simulator.server import DEMO_API_KEY, DEMO_WEBHOOK_SECRET

ROOT = paths.CHECKOUT
PROCESSES = ("bank", "web", "screening", "dispatch", "inquiry", "webhooks", "chores", "beat")
DEMO_HOME = "demo"
READY_PATIENCE_S = 60.0
CONNECT_S = 5
SERVERS_EVERY_S = 5.0
# Long enough for the retries the sample needs, short enough to see them end.
DEMO_BUDGET_S = 45


@dataclass
class Session:
    """A running platform. `say` takes one line for the person who watches."""

    home: Path
    ports: ports.Ports
    children: Children
    say: Callable[[str], None]
    credentials: dict[str, Any]
    servers_checked_at: float = 0.0

    @property
    def base_url(self) -> str:
        """Where the web process answers."""
        return f"http://127.0.0.1:{self.ports.web}"

    def partner(self) -> Partner:
        """Return the demo partner's client."""
        return Partner(self.base_url, self.credentials["api_key"], self.watch)

    def bank(self) -> BoundSession:
        """Return a session for the sandbox bank's control plane."""
        key = self.children.environment["SANDBOX_BANK_API_KEY"]
        headers = {"Authorization": f"Bearer {key}"}
        return session(f"http://127.0.0.1:{self.ports.bank}", headers=headers)

    def receiver(self) -> BoundSession:
        """Return a session for the demo receiver."""
        return session(f"http://127.0.0.1:{self.ports.receiver}")

    def webhook_stats(self) -> dict[str, Any]:
        """Return the receiver's counters; empty while it is being restarted."""
        try:
            stats: dict[str, Any] = self.receiver().get("/stats").json()
        except requests.RequestException:
            return {}
        return stats

    def watch(self) -> None:
        """Look after processes and servers; call it often."""
        self.children.watch()
        if time.monotonic() - self.servers_checked_at > SERVERS_EVERY_S:
            self.servers_checked_at = time.monotonic()
            embedded.ensure()


@contextlib.contextmanager
def own_home(*, is_demo: bool) -> Iterator[Path]:
    """Give the run its home; a demo's is made anew and used by one demo at a time."""
    if not is_demo:
        yield paths.make_directory(embedded.home())
        return
    base = paths.make_directory(embedded.home())
    lock = locks.take(base / "demo.lock", exclusive=True, wait=False)
    if lock is None:
        raise RunError(f"another make demo is at work in {base}: wait for it or set ATLASPAY_HOME")
    home = base / DEMO_HOME
    os.environ["ATLASPAY_HOME"] = str(home)
    command = [sys.executable, "-m", "atlaspay.embedded", "stop", "--now"]
    subprocess.run(command, cwd=ROOT, check=False, capture_output=True)  # noqa: S603 - our own
    shutil.rmtree(home, ignore_errors=True)
    try:
        yield paths.make_directory(home)
    finally:
        os.close(lock)


def start(home: Path, say: Callable[[str], None], *, is_demo: bool) -> Session:
    """Start servers and processes and wait until they answer."""
    if os.environ.get("ATLASPAY_ENV", "demo") == "production":
        raise RunError("make run is for demos: in production start the Procfile's processes")
    chosen = ports.choose(may_move=is_demo)
    servers_are_up(embedded.ensure())
    say("PostgreSQL and Redis are up")
    children = Children(home / "logs", _environment(home, chosen, is_demo=is_demo), ROOT, say)
    session_ = Session(home, chosen, children, say, credentials={})
    try:
        procfile = parse_procfile((ROOT / "Procfile").read_text(encoding="utf-8")).processes
        children.run("release", procfile["release"])
        say("the database is migrated")
        session_.credentials = _seed(session_)
        children.environment["DEMO_RECEIVER_SECRETS"] = session_.credentials["webhook_secret"]
        children.start("receiver", f"{_quote(sys.executable)} -m atlaspay.run.receiver")
        for name in PROCESSES:
            children.start(name, procfile[name])
        _await_ready(session_)
        _await_admission(session_)
    except BaseException:
        children.stop()
        raise
    say("all processes are up: " + ", ".join(("receiver", *PROCESSES)))
    return session_


def servers_are_up(servers: embedded.Servers) -> None:
    """Connect to both once; raises RunError naming the variable of one that does not answer."""
    try:
        psycopg.connect(servers.database_url, connect_timeout=CONNECT_S).close()
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise RunError(
            f"the database does not answer ({reason}): start it or correct DATABASE_URL"
        ) from error
    try:
        with redis.Redis.from_url(servers.redis_url, socket_connect_timeout=CONNECT_S) as client:
            client.ping()
    except ValueError as error:
        raise RunError("REDIS_URL is no Redis URL: it looks like redis://host:6379/0") from error
    except redis.RedisError as error:
        raise RunError(f"Redis does not answer ({error}): start it or correct REDIS_URL") from error


def submit(session_: Session, rows: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Send the rows over the REST API, one batch a currency since a batch has one currency."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    partner = session_.partner()
    batches = []
    for currency in sorted({row["currency"] for row in rows}):
        chosen = [row for row in rows if row["currency"] == currency]
        batch = partner.submit(f"sample-{stamp}-{currency}", currency, chosen)
        session_.say(f"POST /v1/batches: {len(chosen)} payouts in {currency} -> {batch['id']}")
        for item in batch.get("rejected") or []:
            session_.say(f"  refused: {item.get('reference')}: {item.get('errors')}")
        batches.append(batch)
    return batches


def _environment(home: Path, chosen: ports.Ports, *, is_demo: bool) -> dict[str, str]:
    more = {
        **chosen.environment(),
        "ATLASPAY_HOME": str(home),
        "ATLASPAY_BASE_URL": f"http://127.0.0.1:{chosen.web}",
        "SANDBOX_BANK_URL": f"http://127.0.0.1:{chosen.bank}",
    }
    # Bank and platform must agree on these; who sets one in the environment sets it for both.
    for name, value in (
        ("SANDBOX_BANK_JOURNAL", str(home / "bank.journal")),
        ("SANDBOX_BANK_API_KEY", DEMO_API_KEY),
        ("SANDBOX_BANK_WEBHOOK_SECRET", DEMO_WEBHOOK_SECRET),
    ):
        more[name] = os.environ.get(name) or value
    if is_demo:
        more["ATLASPAY_PAYOUT_BUDGET_S"] = str(DEMO_BUDGET_S)
    return environment(**more)


def _seed(session_: Session) -> dict[str, Any]:
    """Make the demo's partner, key, endpoint and logins once; secrets are kept for the next run."""
    file = _credentials_file(session_.home)
    url = f"http://127.0.0.1:{session_.ports.receiver}/webhooks"
    made = _answer_of(session_, "seed_demo", "--webhook-url", url)
    made["members"] = _answer_of(session_, "seed_portal_demo", made["partner_id"])
    found = {name: value for name, value in made.items() if value}
    with contextlib.suppress(FileNotFoundError, ValueError):
        found = {**json.loads(file.read_text(encoding="utf-8")), **found}
    for name in ("api_key", "webhook_secret"):
        if name not in found:
            raise RunError(
                f"the database has a demo partner, but {file} does not hold its {name}:"
                " use an empty database"
            )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(found, out)
    return found


def _answer_of(session_: Session, *command: str) -> Any:
    """Run a command of manage.py and return the JSON it prints. Raises RunError."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "manage.py", *command, "--json"],
        cwd=ROOT,
        env=dict(session_.children.environment),
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
        raise RunError(f"{command[0]} failed: {last}")
    return json.loads(lines[-1])


def _credentials_file(home: Path) -> Path:
    """Name the file for the database its secrets are good for, outside what a demo empties."""
    digest = hashlib.sha256(os.environ["DATABASE_URL"].encode()).hexdigest()[:12]
    base = home.parent if home.name == DEMO_HOME else home
    return base / f"demo-{digest}.json"


def _await_ready(session_: Session) -> None:
    waiting = {
        "receiver": (session_.receiver(), "/stats"),
        "bank": (session_.bank(), "/_sim/clock"),
        "web": (session(session_.base_url), "/readyz"),
    }
    deadline = time.monotonic() + READY_PATIENCE_S
    said = ""
    while waiting:
        session_.children.watch()
        for name, (http, path) in list(waiting.items()):
            try:
                answer = http.get(path)
            except requests.RequestException as error:
                said = f"{name}: {type(error).__name__}"
                continue
            if answer.status_code == 200:
                del waiting[name]
            else:
                said = f"{name} answers {answer.status_code}: {answer.text[:200]}"
        if waiting and time.monotonic() > deadline:
            raise RunError(f"not ready after {READY_PATIENCE_S:.0f} s: {said}")
        time.sleep(0.1)


def _await_admission(session_: Session) -> None:
    """Wait until the receiver has passed the check that every endpoint passes before live events.

    What the check sent it, forged messages too, is forgotten: only real events are judged.
    """
    deadline = time.monotonic() + READY_PATIENCE_S
    url = f"http://127.0.0.1:{session_.ports.receiver}/"
    while True:
        found = [one for one in session_.partner().endpoints() if one["url"].startswith(url)]
        if any(one["mode"] == "live" for one in found):
            break
        if time.monotonic() > deadline:
            raise RunError("the demo receiver has not passed its check: see chores.log")
        session_.children.watch()
        time.sleep(0.2)
    session_.receiver().post("/reset").raise_for_status()


def _quote(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
