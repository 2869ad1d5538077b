"""Servers that others wrote, started for a test: httpbin under gunicorn, and nginx.

`sh .ci/judges` puts them there; a test that needs one that is not there skips and says so.
"""

import os
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.e2e.platform import free_port

JUDGES = Path(os.environ.get("ATLASPAY_JUDGES", Path(__file__).parents[2] / ".judges"))
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
GUNICORN = JUDGES / "httpbin" / "bin" / "gunicorn"
READY_S = 60

_CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    split_clients "$request_id" $luck {{
        10% error;
        8% away;
        6% moved;
        6% page;
        5% busy;
        * through;
    }}
    server {{
        listen 127.0.0.1:{port};
        location /ready {{ return 204; }}
        location / {{
            if ($luck = error) {{ return 500; }}
            if ($luck = away) {{ return 444; }}
            if ($luck = moved) {{ return 302 http://127.0.0.1:9/elsewhere; }}
            if ($luck = page) {{ return 404 "<html><body>nothing here</body></html>"; }}
            if ($luck = busy) {{ return 503; }}
            proxy_pass {upstream};
            proxy_http_version 1.1;
            limit_rate 200;
        }}
    }}
}}
"""


def missing(what: str) -> None:
    """Skip, loudly."""
    warnings.warn(f"{what} did not take part: run `sh .ci/judges`", stacklevel=2)
    pytest.skip(f"{what} is not there: run `sh .ci/judges`")


@contextmanager
def nginx(directory: Path, upstream: str) -> Iterator[str]:
    """Run nginx before `upstream`; a third of all requests meets with something bad."""
    if NGINX is None:
        missing("nginx")
    port = free_port()
    config = directory / "nginx.conf"
    config.write_text(_CONFIG.format(directory=directory, port=port, upstream=upstream))
    words = [str(NGINX), "-p", str(directory), "-c", str(config), "-e", str(directory / "e.log")]
    with _running(words, f"http://127.0.0.1:{port}/ready") as url:
        yield url.removesuffix("/ready")


@contextmanager
def httpbin() -> Iterator[str]:
    """Run httpbin with threads enough for calls that take long."""
    if not GUNICORN.is_file():
        missing("httpbin")
    port = free_port()
    words = [str(GUNICORN), "--threads", "32", "-b", f"127.0.0.1:{port}", "httpbin:app"]
    with _running(words, f"http://127.0.0.1:{port}/status/204") as url:
        yield url.removesuffix("/status/204")


@contextmanager
def _running(words: list[str], ready_url: str) -> Iterator[str]:
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_S
        while True:
            assert process.poll() is None, f"{words[0]} ended with {process.returncode}"
            try:
                if requests.get(ready_url, timeout=5).status_code == 204:
                    break
            except requests.RequestException:
                assert time.monotonic() < deadline, f"{words[0]} did not answer"
            time.sleep(0.1)
        yield ready_url
    finally:
        process.terminate()
        process.wait(30)
