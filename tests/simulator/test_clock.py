"""The bank's clock on its own: order of timers and what each sees as now."""

from payouts.rails.simulator.clock import Clock


def test_timers_run_in_due_order_and_see_their_own_time() -> None:
    clock, seen = Clock(), []
    start_ms = clock.now_ms()
    for after_ms in (7_000, 5_000, 90_000):
        clock.at(start_ms + after_ms, lambda: seen.append(clock.now_ms()))
    assert clock.advance(10_000) == 2
    assert seen == [start_ms + 5_000, start_ms + 7_000]
    assert 10_000 <= clock.now_ms() - start_ms < 11_000


def test_a_timer_set_by_a_timer_runs_in_the_same_jump() -> None:
    clock, seen = Clock(), []
    start_ms = clock.now_ms()

    def first() -> None:
        seen.append("first")
        clock.at(start_ms + 2_000, seen.append, "second")

    clock.at(start_ms + 1_000, first)
    assert clock.advance(3_000) == 2
    assert seen == ["first", "second"]


def test_what_is_overdue_happens_now_and_not_in_the_past() -> None:
    clock, seen = Clock(), []
    start_ms = clock.now_ms()
    clock.at(start_ms - 86_400_000, lambda: seen.append(clock.now_ms()))
    clock.advance(1_000)
    assert len(seen) == 1
    assert start_ms <= seen[0] < start_ms + 1_000


def test_restart_forgets_timers_and_offset() -> None:
    clock, seen = Clock(), []
    clock.at(clock.now_ms() + 1_000, seen.append, "never")
    clock.advance(500)
    clock.restart()
    assert clock.offset_ms == 0
    clock.advance(5_000)
    assert seen == []
