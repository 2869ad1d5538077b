"""A real browser against a live server. Skipped, and said so, where no Chromium is installed."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from atlaspay.core import context
from compliance.screening import live

PATIENCE_MS = 30_000
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MISSING = "NO BROWSER: install Chromium (Debian: apt-get install chromium) or set CHROMIUM"

Opener = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start Chromium once for all tests here."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(_MISSING)
    # The driver runs an event loop in this thread; the tests' own queries stay where they are.
    was = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()
    if was is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(autouse=True)
def _acting(settings: object) -> Iterator[None]:
    """Act as a task, as workers do; hash passwords quickly."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    live.forget()
    with context.bind(actor="system:compliance.screen"):
        yield
    live.forget()


@pytest.fixture
def open_page(browser: Browser, live_server) -> Iterator[Opener]:
    """Return `open_page(user=None, scheme="light", width=1280)`: a page of its own browser, signed
    in if a user is given. Fails the test for any error the browser reported, a broken
    Content-Security-Policy among them."""
    opened: list[BrowserContext] = []
    errors: list[str] = []

    def opener(user: User | None = None, *, scheme: str = "light", width: int = 1280) -> Page:
        window = browser.new_context(
            base_url=live_server.url,
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
        )
        window.set_default_timeout(PATIENCE_MS)
        opened.append(window)
        if user is not None:
            window.add_cookies([_session_of(user, live_server.url)])
        page = window.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if _is_error(line) else None)
        return page

    yield opener
    for window in opened:
        window.close()
    assert errors == []


def _is_error(line) -> bool:
    """Say whether a line of the browser's console is an error of ours: an answer of 4xx is none."""
    return line.type == "error" and "the server responded with a status of 4" not in line.text


def _session_of(user: User, url: str) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    name = django_settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}
