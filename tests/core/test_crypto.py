"""Data keys as they are written in the environment."""

import base64

import pytest

from atlaspay.core.crypto import parse_keys

ONE, TWO = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def test_keys_keep_their_order_and_the_first_seals():
    assert parse_keys(f"2:{TWO}, 1:{ONE}") == [(2, bytes([2]) * 32), (1, bytes([1]) * 32)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one"),
        (f"1:{ONE[:-8]}", "32 bytes"),
        (f"256:{ONE}", "0-255"),
        # The later one would seal in the place of the first.
        (f"1:{ONE},1:{TWO}", "an id of its own"),
    ],
)
def test_keys_that_cannot_work_are_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_keys(text)
