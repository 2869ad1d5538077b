"""Runs the real sandbox bank for tests: a process on a free port, stopped by its pid.

with BankProcess() as bank:
    bank.pay(nn=0)
"""

import json
import os
import select
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
API_KEY = "sandbox-bank-demo-key"
SECRET = "whsec_c2FuZGJveC1iYW5rLWRlbW8tc2VjcmV0LW5vdC1mb3ItcHJvZHVjdGlvbg=="
START_LIMIT_S = 20
COMMAND = [sys.executable, "-m", "payouts.rails.simulator"]
# The magic accounts as the contract prints them.
IBANS = {
    0: "NL64ATLS0000000000", 1: "NL37ATLS0000000001", 2: "NL10ATLS0000000002",
    3: "NL80ATLS0000000003", 4: "NL53ATLS0000000004", 5: "NL26ATLS0000000005",
    6: "NL96ATLS0000000006", 7: "NL69ATLS0000000007", 8: "NL42ATLS0000000008",
    9: "NL15ATLS0000000009", 10: "NL85ATLS0000000010", 11: "NL58ATLS0000000011",
    12: "NL31ATLS0000000012", 13: "NL04ATLS0000000013", 14: "NL74ATLS0000000014",
    15: "NL47ATLS0000000015", 16: "NL20ATLS0000000016", 17: "NL90ATLS0000000017",
    18: "NL63ATLS0000000018", 19: "NL36ATLS0000000019", 20: "NL09ATLS0000000020",
    21: "NL79ATLS0000000021", 22: "NL52ATLS0000000022", 23: "NL25ATLS0000000023",
}  # fmt: skip


def eur_order(nn: int = 0, amount_minor: int = 1234, **changes: Any) -> dict[str, Any]:
    """Return the body of an order in EUR to magic account `nn`, with its own end-to-end id."""
    order: dict[str, Any] = {
        "rail": "sepa_inst",
        "amount_minor": amount_minor,
        "currency": "EUR",
        "debtor_account_id": "acct_eur",
        "creditor": {"name": "Jan de Vries", "account": {"type": "iban", "iban": IBANS[nn]}},
        "end_to_end_id": f"{uuid.uuid4().hex[:26]}-1",
    }
    return {**order, **changes}


def usd_order(
    nn: int = 0, routing_number: str = "790100016", rail: str = "rtp", **changes: Any
) -> dict[str, Any]:
    account = {
        "type": "us",
        "routing_number": routing_number,
        "account_number": f"10000000{nn:02d}",
    }
    return eur_order(
        rail=rail,
        currency="USD",
        debtor_account_id="acct_usd",
        creditor={"name": "Ann Lee", "account": account},
        **changes,
    )


def gbp_order(nn: int = 0, **changes: Any) -> dict[str, Any]:
    account = {"type": "uk", "sort_code": "040004", "account_number": f"100000{nn:02d}"}
    return eur_order(
        rail="fps",
        currency="GBP",
        debtor_account_id="acct_gbp",
        creditor={"name": "Tom Hall", "account": account},
        **changes,
    )


def clean_environ() -> dict[str, str]:
    """Return the environment without what would set up a bank."""
    return {k: v for k, v in os.environ.items() if not k.startswith("SANDBOX_BANK_")}


class BankProcess:
    """One bank process; `url` is known once it is started."""

    def __init__(
        self, *flags: str, port: int | None = 0, environ: dict[str, str] | None = None
    ) -> None:
        self._flags = flags
        self._names_port = port is not None
        self._environ = environ or {}
        self.port = port or 0
        self.ready: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {API_KEY}"

    def __enter__(self) -> "BankProcess":
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @staticmethod
    def refused(*flags: str) -> tuple[int, str]:
        """Run a bank that is to refuse its start; return exit code and stderr."""
        done = subprocess.run(
            [*COMMAND, *flags],
            cwd=ROOT,
            env=clean_environ(),
            capture_output=True,
            text=True,
            timeout=START_LIMIT_S,
            check=False,
        )
        return done.returncode, done.stderr

    def start(self) -> "BankProcess":
        """Start the process and wait for its ready line."""
        # A restart takes the port of the first start, so that clients find the bank again.
        port = [f"--port={self.port}"] if self._names_port else []
        self._process = subprocess.Popen(
            [*COMMAND, *port, *self._flags],
            cwd=ROOT,
            env={**clean_environ(), **self._environ},
            stdout=subprocess.PIPE,
        )
        out = self._process.stdout
        assert out is not None
        readable, _, _ = select.select([out], [], [], START_LIMIT_S)
        line = out.readline() if readable else b""
        if not line:
            self.kill()
            raise RuntimeError("the sandbox bank did not get ready")
        self.ready = json.loads(line)
        self.port = self.ready["port"]
        return self

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it with SIGKILL, as a crash would."""
        return self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Wait until it has ended by itself and return its exit code."""
        assert self._process is not None
        self._process.wait(timeout=10)
        return self.stop()

    def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        code = process.wait(timeout=10)
        if process.stdout is not None:
            process.stdout.close()
        self._process = None
        self.session.close()
        return code

    # The data plane.

    def send(self, order: Any, key: str | None = None, timeout_s: float = 10) -> requests.Response:
        """POST an order under `key` (a new one if None)."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        return self.session.post(
            f"{self.url}/v1/transfers", json=order, headers=headers, timeout=timeout_s
        )

    def pay(self, nn: int = 0, **changes: Any) -> dict[str, Any]:
        """Send a EUR order to magic account `nn` and return the transfer."""
        answer = self.send(eur_order(nn, **changes))
        assert answer.status_code in {201, 202}, answer.text
        transfer: dict[str, Any] = answer.json()
        return transfer

    def get(self, path: str, accept: str = "application/json", **query: Any) -> requests.Response:
        return self.session.get(
            f"{self.url}{path}", params=query, headers={"Accept": accept}, timeout=10
        )

    def read(self, path: str, **query: Any) -> Any:
        """GET a JSON resource that must exist."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def transfer(self, transfer_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.read(f"/v1/transfers/{transfer_id}")
        return found

    def balance(self, account_id: str = "acct_eur") -> int:
        return int(self.read(f"/v1/accounts/{account_id}")["balance_minor"])

    # The control plane.

    def sim(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """Call `/_sim/<path>`, which must succeed, and return its JSON."""
        answer = self.session.request(method, f"{self.url}/_sim/{path}", json=body, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def configure(self, **config: Any) -> dict[str, Any]:
        """Replace the config: what is not named goes back to its default."""
        put: dict[str, Any] = self.sim("config", config, "PUT")
        return put

    def advance(self, **by: float) -> dict[str, Any]:
        moved: dict[str, Any] = self.sim("clock/advance", by)
        return moved

    def audit(self) -> dict[str, Any]:
        report: dict[str, Any] = self.sim("audit", method="GET")
        return report
