"""The session factory of all outgoing `requests` calls: timeouts always, redirects and proxies
never. Knows no Django.
"""

from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 20.0


class BoundSession(requests.Session):
    """A session whose calls have a base URL, a timeout, no redirects and no environment proxies."""

    def __init__(self, base_url: str, *, connect_s: float, read_s: float) -> None:
        super().__init__()
        self.base_url = base_url.rstrip("/")
        self.timeout_s = (connect_s, read_s)
        self.trust_env = False
        self.mount("http://", HTTPAdapter(pool_connections=2, pool_maxsize=16, max_retries=0))
        self.mount("https://", HTTPAdapter(pool_connections=2, pool_maxsize=16, max_retries=0))

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Call `base_url + url`; raises requests' exceptions, never follows a redirect."""
        kwargs.setdefault("timeout", self.timeout_s)
        # Session.get() asks for redirects before it comes here, so a default would not do.
        kwargs["allow_redirects"] = False
        return super().request(method, self.base_url + url, **kwargs)


def session(
    base_url: str,
    *,
    headers: Mapping[str, str] | None = None,
    connect_s: float = CONNECT_TIMEOUT_S,
    read_s: float = READ_TIMEOUT_S,
) -> BoundSession:
    """Return a session for one peer."""
    made = BoundSession(base_url, connect_s=connect_s, read_s=read_s)
    made.headers.update(headers or {})
    return made
