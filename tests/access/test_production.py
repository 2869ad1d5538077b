"""A production start without a second factor is refused in one line."""

import os
import subprocess
import sys

import pytest

from tests.docs.pages import ROOT

PRODUCTION = {
    "ATLASPAY_ENV": "production",
    "SECRET_KEY": "s3cret-" * 10,
    "ATLASPAY_DATA_KEYS": "1:" + "A" * 43 + "=",
    "ATLASPAY_INDEX_KEY": "index-key-of-the-test",
    "ATLASPAY_KEY_PEPPER": "pepper-of-the-test---",
    "ATLASPAY_METRICS_TOKEN": "token-of-the-test----",
    "ALLOWED_HOSTS": "payouts.example.com",
    "ATLASPAY_BASE_URL": "https://payouts.example.com",
    "DATABASE_URL": "postgresql://none@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
ASK = (
    "from atlaspay import settings as s;"
    "print(s.ATLASPAY_REQUIRE_TOTP, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE,"
    " s.SESSION_COOKIE_AGE)"
)


def start(**more: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], **PRODUCTION, **more}
    return subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def test_production_asks_for_two_factors_and_keeps_cookies_to_https():
    assert start().stdout.split() == ["True", "True", "True", "43200"]


def test_production_cannot_be_talked_out_of_it():
    done = start(ATLASPAY_REQUIRE_TOTP="0")

    assert done.returncode == 1
    assert done.stderr.strip() == (
        "atlaspay: ATLASPAY_REQUIRE_TOTP=0 leaves the console to whoever has a password; unset it"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("ATLASPAY_SESSION_HOURS", "25"), ("ATLASPAY_SESSION_IDLE_MINUTES", "0")],
)
def test_sessions_have_bounds(name, value):
    done = start(**{name: value})

    assert done.returncode == 1
    assert name in done.stderr
    assert done.stderr.count("\n") == 1
