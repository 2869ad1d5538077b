"""After kill -9, a restarted machine or in an awkward place the next start works, with all data."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from atlaspay.embedded import lifecycle, reach
from tests.embedded.homes import ROOT, Home

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account to run as")


def _store(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (41), (1)")


@pytest.mark.crash
def test_killed_keeper_takes_its_server_along_and_the_next_start_has_the_data(home: Home) -> None:
    with home.user() as user:
        _store(user.database_url)
        for name in ("postgres", "valkey"):
            keeper = lifecycle.keeper_pid(home.path / name)
            assert keeper is not None
            os.kill(keeper, signal.SIGKILL)
    home.await_empty()
    assert home.sql("SELECT sum(n) FROM kept") == "42"


@pytest.mark.crash
def test_power_cut_loses_nothing_that_was_committed(home: Home) -> None:
    with home.user() as user:
        _store(user.database_url)
        keeper = lifecycle.keeper_pid(home.path / "postgres")
        postmaster = home.postmaster()
        assert keeper is not None
        os.kill(keeper, signal.SIGSTOP)  # it must not restart what is killed next
        os.kill(postmaster, signal.SIGKILL)
        os.kill(keeper, signal.SIGKILL)
    assert (home.path / "postgres" / "data" / "postmaster.pid").exists()
    assert home.sql("SELECT sum(n) FROM kept") == "42"


@pytest.mark.crash
def test_killed_server_is_started_again_at_the_same_address(home: Home) -> None:
    with home.user() as user:
        _store(user.database_url)
        before = home.postmaster()
        os.kill(before, signal.SIGKILL)
        with home.user() as second:
            assert second.database_url == user.database_url
        log = home.path / "postgres" / "keeper.log"
        _await_text(log, "starting it again (1 of 5)")
        _await_text(home.path / "postgres" / "server.log", "ready to accept connections", times=2)
        with psycopg.connect(user.database_url) as connection:
            assert connection.execute("SELECT sum(n) FROM kept").fetchone() == (42,)
        assert home.postmaster() != before


def test_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(home: Home) -> None:
    assert home.sql("SELECT 1") == "1"
    account = (home.path / "postgres" / "data").stat()
    stranger = subprocess.Popen(["sleep", "60"], user=account.st_uid if os.geteuid() == 0 else None)
    try:
        data = home.path / "postgres" / "data"
        words = [str(stranger.pid), str(data), "1", "5432", "/nowhere", "", "0 0", "ready"]
        (data / "postmaster.pid").write_text("\n".join(words) + "\n", encoding="ascii")
        os.chown(data / "postmaster.pid", account.st_uid, account.st_gid)
        (home.path / "postgres" / "state.json").write_text('{"url": "x", "keeper_pid": 1}')
        assert home.sql("SELECT 2") == "2"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_start_that_was_killed_while_making_the_cluster_is_made_good(home: Home) -> None:
    draft = home.path / "postgres" / "data.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    (home.path / "postgres" / "data").mkdir()
    assert home.sql("SELECT 1") == "1"
    assert not draft.exists()


def test_home_too_long_for_a_socket_gets_a_short_one(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 20) / ("longer" * 20))
    with home.user() as user:
        host = user.database_url.partition("host=")[2]
        assert Path(host).name.startswith(f"atlaspay-{os.geteuid()}-")
        assert Path(host).stat().st_mode & 0o777 == 0o700
        with psycopg.connect(user.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    home.await_empty()
    assert not Path(host).exists()


def test_cluster_of_another_version_is_refused_in_one_line(home: Home) -> None:
    data = home.path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    refused = home.run("-m", "atlaspay.embedded", "start")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"atlaspay: {data} is of PostgreSQL 17, this is 18: dump it or remove it\n"
    )
    home.await_empty()


def test_home_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = Home(tmp_path / "file" / "home").run("-m", "atlaspay.embedded", "start")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"atlaspay: cannot make {tmp_path}/file/home (Not a directory):"
        " set ATLASPAY_HOME to a place you can write to\n"
    )


@AS_ROOT
def test_servers_of_root_run_as_an_account_without_rights(home: Home) -> None:
    with home.user():
        owners = {
            Path(f"/proc/{line.split()[0]}").stat().st_uid
            for line in home.living()
            if "bin/postgres" in line or "valkey-server" in line
        }
    assert owners
    assert 0 not in owners


@AS_ROOT
def test_way_is_opened_for_one_account_and_to_pass_through_only(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "deep").mkdir(parents=True)
    closed.chmod(0o700)
    notes = reach.open_way(closed / "deep" / "file", 65534)
    again = reach.open_way(closed / "deep" / "file", 65534)
    passes = ["test", "-x", str(closed)]
    lists = ["test", "-r", str(closed)]
    if notes:  # a file system without access-control lists
        assert closed.stat().st_mode & 0o007 == 0o001
    else:
        assert closed.stat().st_mode & 0o007 == 0
        assert subprocess.run(passes, user=1, group=1, extra_groups=[], check=False).returncode == 1
    assert again == []
    who = {"user": 65534, "group": 65534, "extra_groups": []}
    assert subprocess.run(passes, check=False, **who).returncode == 0
    assert subprocess.run(lists, check=False, **who).returncode == 1


@AS_ROOT
def test_an_ordinary_user_needs_nobody_else(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    os.chown(home.path, 65534, 65534)
    for path in (sys.executable, ROOT, home.path):
        reach.open_way(Path(path) / "x", 65534)
    done = subprocess.run(
        [sys.executable, "-m", "atlaspay.embedded", "exec", "--", "sh", "-c", "echo $DATABASE_URL"],
        user=65534,
        group=65534,
        extra_groups=[],
        env=home.environment(HOME="/nonexistent"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == f"postgresql://atlaspay@/atlaspay?host={home.path}/postgres/socket\n"
    assert {path.owner() for path in home.path.rglob("*")} == {"nobody"}
    home.await_empty()


def _await_text(path: Path, text: str, *, times: int = 1) -> None:

    deadline = time.monotonic() + 30
    while path.read_text(encoding="utf-8").count(text) < times:
        assert time.monotonic() < deadline, f"no {text!r} in {path}"
        time.sleep(0.05)
