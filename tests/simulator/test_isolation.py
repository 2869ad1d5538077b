"""The bank is the other side of the wire: it shares no code with the product."""

import subprocess
import sys

from tests.simulator.bankproc import ROOT, clean_environ

LIST_MODULES = (
    "import sys; import payouts.rails.simulator.options; print(' '.join(sorted(sys.modules)))"
)
OURS = ("atlaspay", "partners", "ledger", "webhooks", "compliance", "payouts")


def test_the_bank_loads_neither_django_nor_anything_of_ours() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES],
        cwd=ROOT,
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    loaded = set(done.stdout.split())
    own = {
        name
        for name in loaded
        if name.split(".")[0] in OURS and not name.startswith("payouts.rails.simulator")
    }
    assert own == {"payouts", "payouts.rails"}
    assert "payouts.rails.simulator.server" in loaded
    assert "django" not in loaded
