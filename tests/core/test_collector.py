"""Every process that works looks for dead cycles seldom, and not among what it has loaded."""

import os
import subprocess
import sys

import pytest

from atlaspay.core import collector
from tests.embedded.homes import ROOT

WEB = "import atlaspay.wsgi"
WORKER = (
    "import django; django.setup()\n"
    "import atlaspay.celery\n"
    "from celery.signals import worker_process_init\n"
    "worker_process_init.send(sender=None)"
)


@pytest.mark.parametrize("start", [WEB, WORKER], ids=["web", "worker"])
def test_a_working_process_looks_seldom(start: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{start}\nimport gc; print(gc.get_threshold(), gc.get_freeze_count())",
        ],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "atlaspay.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    threshold, _, frozen = done.stdout.strip().rpartition(" ")
    assert threshold == str(collector.THRESHOLD)
    assert int(frozen) > 50_000
