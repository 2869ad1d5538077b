"""What moves and what hangs among the deliveries of a run, on a clock of our own."""

import uuid

from webhooks.delivery.claim import Claimed
from webhooks.delivery.flight import Flight
from webhooks.delivery.result import Outcome, Result


def claimed(endpoint: str, count: int, first: int = 0) -> list[Claimed]:
    return [
        Claimed(
            id=f"wd_{endpoint}_{number}",
            claim_id=uuid.UUID(int=1),
            endpoint_id=endpoint,
            object_id=f"po_{number}",
            sequence=1,
            message_id=f"msg_{endpoint}_{number}",
            number=1,
            step=0,
            body=b"{}",
            lease_end=60.0,
        )
        for number in range(first, first + count)
    ]


def test_what_does_not_answer_is_told_from_what_moves():
    flight = Flight()
    dead, good = claimed("dead", 64), claimed("good", 10)
    flight.take([*dead, *good], 100.0)
    assert (len(flight), flight.hanging(100.2)) == (74, 0)

    flight.land([Result(one, Outcome.DELIVERED, http_status=204) for one in good[:6]], 100.2)
    assert (len(flight), flight.hanging(100.4)) == (68, 64)
    assert flight.hanging(100.5) == 68  # the last four of the good one are late, too
    flight.land([Result(one, Outcome.DELIVERED, http_status=204) for one in good[6:]], 100.6)
    assert (len(flight), flight.hanging(100.6), flight.busy()) == (64, 64, ["dead"])
    assert flight.slow == set()
    assert flight.hanging(101.1) == 64
    assert (flight.slow, flight.proven) == ({"dead"}, {"good"})


def test_rows_given_back_unsent_are_no_sign_of_life():
    flight = Flight()
    rows = claimed("dead", 5)
    flight.take(rows, 100.0)
    flight.land([Result(one, Outcome.UNSENT) for one in rows[1:]], 101.0)
    assert (len(flight), flight.hanging(101.01), flight.calls["dead"]) == (1, 1, 1)
    flight.land([Result(rows[0], Outcome.FAILED, error="timeout")], 108.0)
    assert (len(flight), flight.hanging(108.0), flight.busy()) == (0, 0, [])
    assert flight.proven == set()


def test_an_endpoint_that_had_nothing_under_way_is_waited_for_anew():
    flight = Flight()
    flight.take(claimed("quiet", 1), 100.0)
    flight.land([Result(claimed("quiet", 1)[0], Outcome.REFUSED, http_status=500)], 100.1)
    flight.take(claimed("quiet", 2, first=1), 160.0)
    assert (flight.hanging(160.2), flight.hanging(160.3)) == (0, 2)
    flight.take(claimed("quiet", 1, first=3), 160.3)  # more of it says nothing
    assert flight.hanging(160.3) == 3
