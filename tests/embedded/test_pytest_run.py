"""A test run leaves no server behind, however it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.homes import ROOT, Home


def _words(test: Path) -> list[str]:
    words = ["-m", "pytest", "-q", "-p", "atlaspay.embedded.pytest_plugin", "-c", "/dev/null"]
    return [
        *words,
        "--rootdir",
        str(test.parent),
        "-p",
        "no:cacheprovider",
        "-p",
        "no:django",
        str(test),
    ]


def _write(directory: Path, body: str) -> Path:
    test = directory / "test_inner.py"
    test.write_text(
        "import os, time, pathlib, psycopg\n\n\ndef test_inner():\n"
        "    with psycopg.connect(os.environ['DATABASE_URL']) as c:\n"
        "        assert c.execute('SELECT 1').fetchone() == (1,)\n"
        "    assert os.environ['ATLASPAY_HOME'].endswith('/home/test')\n"
        f"    {body}\n",
        encoding="utf-8",
    )
    return test


@pytest.mark.parametrize("body", ["pass", "assert False", "raise KeyboardInterrupt"])
def test_run_stops_its_servers_before_it_returns(home: Home, tmp_path: Path, body: str) -> None:
    done = home.run(*_words(_write(tmp_path, body)))
    assert done.returncode == {"pass": 0, "assert False": 1}.get(body, 2), done.stdout
    assert home.living() == []


@pytest.mark.crash
def test_killed_run_leaves_nothing(home: Home, tmp_path: Path) -> None:
    flag = tmp_path / "reached"
    body = f"pathlib.Path({str(flag)!r}).touch(); time.sleep(60)"
    run = subprocess.Popen(
        [sys.executable, *_words(_write(tmp_path, body))],
        env=home.environment(),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    while not flag.exists():
        assert run.poll() is None
    run.kill()
    run.wait()
    home.await_empty()


def test_asking_for_help_starts_nothing(home: Home) -> None:
    done = home.run(
        "-m", "pytest", "-p", "atlaspay.embedded.pytest_plugin", "-c", "/dev/null", "--version"
    )
    assert done.returncode == 0
    assert not home.path.exists()
