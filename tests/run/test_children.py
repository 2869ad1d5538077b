"""Processes of a run are restarted when they die and leave nobody behind."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atlaspay.run import ports
from atlaspay.run.children import Children, environment
from atlaspay.run.errors import RunError
from tests.embedded.homes import ROOT

PATIENCE_S = 20


def _await(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    return False


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def children(tmp_path: Path, said: list[str]) -> Iterator[Children]:
    made = Children(tmp_path / "logs", environment(MARK=str(tmp_path)), tmp_path, said.append)
    yield made
    made.stop()


def test_command_runs_to_its_end_in_the_root(children: Children, tmp_path: Path) -> None:
    children.run("release", "pwd && echo $MARK")
    assert (tmp_path / "logs" / "release.log").read_text() == f"{tmp_path}\n{tmp_path}\n"


def test_failing_command_tells_its_last_line(children: Children) -> None:
    with pytest.raises(RunError, match=r"release failed \(exit code 3\): the reason - see"):
        children.run("release", "echo other && echo the reason && exit 3")


def test_process_that_dies_is_started_again(
    children: Children, said: list[str], tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    children.start("worker", f"sh -c 'echo $$ >> {pids}; sleep 60'")
    _await(lambda: pids.exists() and pids.read_text())
    first = int(pids.read_text())
    os.killpg(first, signal.SIGKILL)
    _await(lambda: children.watch() or len(pids.read_text().split()) == 2)
    assert said == [
        "worker ended by itself (signal SIGKILL): it gave no reason; starting it again (1 of 5)"
    ]
    assert children.restarts() == {"worker": 1}
    assert children.stop()
    assert not children.stop()
    assert not [pid for pid in pids.read_text().split() if _lives(int(pid))]


def test_process_that_keeps_dying_is_given_up(
    children: Children, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlaspay.run.children.MAX_RESTARTS", 1)
    children.start("worker", "sh -c 'echo no such thing; exit 1'")
    with pytest.raises(RunError, match="worker keeps dying: no such thing - see"):
        _await(lambda: children.watch())
    assert len(said) == 1


def test_stop_ends_deaf_processes_and_grandchildren(
    children: Children, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlaspay.run.children.STOP_PATIENCE_S", 0.5)
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 60 & echo $$ $! > {pids}; wait; sleep 60"
    children.start("deaf", f'sh -c "{script}"'.replace("$", "\\$"))
    _await(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    children.stop()
    assert not [pid for pid in pids.read_text().split() if _lives(int(pid))]


@pytest.mark.crash
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_killed_supervisor_takes_its_processes_along(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "from atlaspay.run.children import Children, environment\n"
        "where = pathlib.Path(sys.argv[1])\n"
        "c = Children(where / 'logs', environment(), where, print)\n"
        "c.start('worker', f'sh -c \"echo \\\\$\\\\$ > {where}/pid; exec sleep 60\"')\n"
        "time.sleep(60)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    pid = tmp_path / "pid"
    _await(lambda: pid.exists() and pid.read_text())
    supervisor.kill()
    supervisor.wait()
    _await(lambda: not _lives(int(pid.read_text())))


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_taken_port_names_its_variable(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_BANK_PORT", str(taken))
    wanted = (
        rf"port {taken} \(sandbox bank\) is taken: stop what listens there"
        " or set SANDBOX_BANK_PORT to a free port"
    )
    monkeypatch.setitem(ports.DEFAULTS, "PORT", _free())
    for may_move in (False, True):
        with pytest.raises(RunError, match=wanted):
            ports.choose(may_move=may_move)


def test_default_port_gives_way_for_a_demo_only(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ports.DEFAULTS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setitem(ports.DEFAULTS, name, _free())
    monkeypatch.setitem(ports.DEFAULTS, "PORT", taken)
    assert ports.choose(may_move=True).web != taken
    with pytest.raises(RunError, match=rf"port {taken} \(web\) is taken"):
        ports.choose(may_move=False)


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "80.5", "٨"])
def test_wrong_port_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(RunError, match="is no port: use a number from 1 to 65535"):
        ports.choose(may_move=False)


def test_one_port_for_two_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(_free())
    for name in ports.DEFAULTS:
        monkeypatch.setenv(name, port)
    with pytest.raises(RunError, match="is given twice: set SANDBOX_BANK_PORT to another"):
        ports.choose(may_move=False)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
