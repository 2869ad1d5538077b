"""How moments are written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from atlaspay.core import clock


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 22, 9, 5, 7, 45_999, tzinfo=UTC), "2026-11-22T09:05:07.045Z"),
        (datetime(963, 2, 9, 3, 46, 43, tzinfo=UTC), "0963-02-09T03:46:43.000Z"),
        (
            datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))),
            "2025-12-31T23:00:00.000Z",
        ),
        (None, None),
    ],
)
def test_a_moment_is_written_as_rfc_3339(at: datetime | None, text: str | None) -> None:
    assert clock.rfc3339(at) == text
