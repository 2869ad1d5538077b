"""The demo partner: talks to the platform as any integrator does, over the REST API alone."""

import csv
import io
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import requests

from atlaspay.core.http import session
from atlaspay.run.errors import RunError

READ_TIMEOUT_S = 30
PATIENCE_S = 30.0
PAUSE_S = 0.5
AGAIN = frozenset({429, 502, 503, 504})
PAGE = 100


class Partner:
    """One API key's view. Raises RunError for answers a demo cannot go on from."""

    def __init__(self, base_url: str, api_key: str, meanwhile: Callable[[], None]) -> None:
        """`meanwhile` is called between tries: somebody has to start again what died."""
        self._meanwhile = meanwhile
        headers = {"Authorization": f"Bearer {api_key}"}
        self._http = session(base_url, headers=headers, read_s=READ_TIMEOUT_S)

    def submit(self, reference: str, currency: str, rows: list[dict[str, str]]) -> dict[str, Any]:
        """Send one batch as CSV and return it."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return self._call(
            "POST",
            "/v1/batches",
            params={"reference": reference, "currency": currency},
            data=text.getvalue().encode(),
            headers={"Content-Type": "text/csv", "Idempotency-Key": str(uuid.uuid4())},
        )

    def batch(self, batch_id: str) -> dict[str, Any]:
        """Return a batch with its totals."""
        return self._call("GET", f"/v1/batches/{batch_id}")

    def payouts(self, batch_id: str) -> list[dict[str, Any]]:
        """Return all payouts of a batch."""
        path = f"/v1/batches/{batch_id}/payouts"
        return list(self._pages(path, parameter="cursor", field="next_cursor"))

    def events(self) -> list[dict[str, Any]]:
        """Return every event there is for this partner, oldest first."""
        return list(self._pages("/v1/events", parameter="after", field="next_after"))

    def endpoints(self) -> list[dict[str, Any]]:
        """Return the partner's webhook endpoints, newest first."""
        return list(self._call("GET", "/v1/webhook-endpoints")["data"])

    def _pages(self, path: str, *, parameter: str, field: str) -> Iterator[dict[str, Any]]:
        cursor = None
        while True:
            page = self._call("GET", path, params={"limit": PAGE, parameter: cursor})
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = page[field]

    def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        """Call, and again while the platform is away or busy: a write carries its one key."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self._http.request(method, path, **more)
            except requests.RequestException as error:
                if time.monotonic() > deadline:
                    raise RunError(f"{method} {path}: {type(error).__name__}: {error}") from error
            else:
                if answer.status_code not in AGAIN or time.monotonic() > deadline:
                    break
            self._meanwhile()
            time.sleep(PAUSE_S)
        if not answer.ok:
            raise RunError(
                f"{method} {path} was answered {answer.status_code}: {answer.text[:500]}"
            )
        body: dict[str, Any] = answer.json()
        return body
