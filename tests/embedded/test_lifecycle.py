"""An embedded server lives exactly as long as somebody uses it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis

from tests.embedded.homes import HOLD, ROOT, Home


def test_servers_start_and_are_gone_when_the_command_returns(home: Home) -> None:
    assert home.sql("SELECT current_setting('server_version_num')::int / 10000") == "18"
    assert home.living() == []
    assert not (home.path / "postgres" / "data" / "postmaster.pid").exists()
    assert not (home.path / "postgres" / "state.json").exists()
    assert not (home.path / "valkey" / "state.json").exists()


def test_servers_are_durable_closed_and_not_run_by_a_superuser(home: Home) -> None:
    with home.user() as user:
        with psycopg.connect(user.database_url) as connection:
            for name, value in {
                "fsync": "on",
                "synchronous_commit": "on",
                "full_page_writes": "on",
                "listen_addresses": "",
                "max_connections": "100",
                "shared_buffers": "256MB",
                "jit": "off",
                "data_checksums": "on",
                "TimeZone": "UTC",
            }.items():
                found = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                assert found == (value,), name
            role = "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
            assert connection.execute(role).fetchone() == (False, True)
        with redis.Redis.from_url(user.redis_url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("save") == {"save": ""}
            assert client.config_get("bind") == {"bind": "127.0.0.1"}
            port = client.connection_pool.connection_kwargs["port"]
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        words = " ".join(home.living())
        assert user.redis_url.split(":")[2].split("@")[0] not in words
    for secret in ("valkey/password", "valkey/state.json", "postgres/state.json"):
        path = home.path / secret
        assert not path.exists() or path.stat().st_mode & 0o077 == 0


def test_second_user_keeps_servers_that_the_first_one_started(home: Home) -> None:
    with home.user() as first, home.user() as second:
        assert second.database_url == first.database_url
        assert second.redis_url == first.redis_url
        first.kill()
        time.sleep(1)  # five polls of the keepers: what must not happen cannot be awaited
        with psycopg.connect(second.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(second.redis_url) as client:
            assert client.ping()
    home.await_empty()


def test_many_starters_at_once_get_one_server(home: Home) -> None:
    code = "from atlaspay import embedded; print(*embedded.ensure(), flush=True); input()"
    starters = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=home.environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    lines = {starter.stdout.readline() for starter in starters if starter.stdout}
    keepers = [line for line in home.living() if "embedded.keeper" in line]
    for starter in starters:
        starter.communicate("\n", timeout=60)
    assert len(lines) == 1
    assert len(keepers) == 2
    home.await_empty()


def test_killed_user_leaves_nothing_running(home: Home) -> None:
    with home.user() as user:
        user.kill()
    home.await_empty()


def test_interrupt_from_the_terminal_stops_the_servers_cleanly(home: Home) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        env=home.environment(),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert home.living() == []
    log = (home.path / "postgres" / "server.log").read_text(encoding="utf-8")
    assert "database system is shut down" in log


def test_started_servers_stay_until_stopped(home: Home) -> None:
    started = home.run("-m", "atlaspay.embedded", "start")
    assert started.returncode == 0, started.stderr
    time.sleep(1)  # five polls of the keepers
    status = home.run("-m", "atlaspay.embedded", "status")
    assert status.returncode == 0
    assert status.stdout.count("running (until stop)") == 2
    exported = home.run("-m", "atlaspay.embedded", "env")
    assert exported.stdout.count("export ") == 2
    assert home.run("-m", "atlaspay.embedded", "stop").returncode == 0
    assert home.living() == []
    assert home.run("-m", "atlaspay.embedded", "status").returncode == 3


def test_stop_spares_servers_in_use_unless_told_now(home: Home) -> None:
    with home.user() as user:
        polite = home.run("-m", "atlaspay.embedded", "stop")
        assert polite.returncode == 1
        assert "postgres is in use" in polite.stderr
        with psycopg.connect(user.database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert home.run("-m", "atlaspay.embedded", "stop", "--now").returncode == 0
        assert [line for line in home.living() if "keeper" in line] == []


def test_exec_hands_on_the_exit_code_and_names_a_missing_command(home: Home) -> None:
    words = ["-m", "atlaspay.embedded", "exec", "--"]
    assert home.run(*words, "sh", "-c", "exit 7").returncode == 7
    missing = home.run(*words, "/no/such/command")
    assert missing.returncode == 127
    assert missing.stderr == "atlaspay: cannot run /no/such/command: No such file or directory\n"


def test_two_homes_never_meet(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    with home.user() as here:
        with other.user() as there:
            assert here.database_url != there.database_url
            assert here.redis_url != there.redis_url
            with psycopg.connect(here.database_url, autocommit=True) as connection:
                connection.execute("CREATE TABLE only_here (n int)")
            with psycopg.connect(there.database_url) as connection:
                found = connection.execute("SELECT to_regclass('only_here')").fetchone()
                assert found == (None,)
        other.await_empty()
        with psycopg.connect(here.database_url) as connection:
            assert connection.execute("SELECT count(*) FROM only_here").fetchone() == (0,)


def test_looking_for_servers_starts_none(home: Home) -> None:
    code = (
        "import json; from atlaspay import embedded; print(json.dumps(embedded.connection_env()))"
    )
    found = home.run("-c", code)
    assert json.loads(found.stdout) == {
        "DATABASE_URL": f"postgresql://atlaspay@/atlaspay?host={home.path}/postgres/socket",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    assert not home.path.exists()


def test_a_server_named_by_the_environment_is_not_started(home: Home) -> None:
    url = "postgresql://somebody@db.example.com/theirs"
    code = "from atlaspay import embedded; print(embedded.ensure().database_url)"
    assert home.run("-c", code, DATABASE_URL=url).stdout == f"{url}\n"
    assert not (home.path / "postgres").exists()
    assert (home.path / "valkey").is_dir()
