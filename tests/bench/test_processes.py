"""What is measured is what is run: the Procfile's own commands, and the trees they grow."""

import os
import subprocess
import sys

import pytest

from bench import meter
from bench.processes import procfile
from bench.stack import sibling


def test_the_measured_processes_are_the_procfile_s():
    commands = procfile()
    assert {"web", "dispatch", "webhooks", "beat", "bank"} <= set(commands)
    assert "release" not in commands
    assert commands["dispatch"].startswith("nice -n 5 celery -A atlaspay")


def test_a_sibling_database_keeps_user_and_socket():
    url = "postgresql://atlaspay@/atlaspay?host=/tmp/x%20y/socket"
    assert sibling(url, "postgres") == "postgresql://atlaspay@/postgres?host=/tmp/x%20y/socket"


@pytest.mark.skipif(not meter.is_supported(), reason="no /proc on this system")
def test_a_tree_is_measured_with_its_children():
    script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as parent:
        try:
            while (found := meter.usage({"parent": parent.pid}))["parent"].process_count < 2:
                assert parent.poll() is None
            assert len(found["parent"].peak_rss_mb) == 2
        finally:
            parent.communicate(b"\n")


@pytest.mark.skipif(not meter.is_supported(), reason="no /proc on this system")
def test_a_tree_that_is_gone_is_left_out():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert meter.usage({"gone": ended.pid, "us": os.getpid()}).keys() == {"us"}
