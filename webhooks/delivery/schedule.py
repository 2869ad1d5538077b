"""When the next attempt is due: twelve attempts over 75.6 hours. Pure arithmetic, no clock.

The first three lie within the promise of 30 seconds and are never early; from the fourth on jitter
goes both ways, so that what failed together does not come back together.
"""

import random
from collections.abc import Callable

# Seconds after the previous attempt.
STEPS_S = (0, 3, 12, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_ATTEMPTS = len(STEPS_S)
PROMPT_ATTEMPTS = 3
JITTER = 0.2
PROMPT_DEADLINE_S = 8.0
LATE_DEADLINE_S = 15.0

Uniform = Callable[[float, float], float]


def deadline_s(failures: int) -> float:
    """Return how long the attempt after so many failures may take from first to last byte."""
    return PROMPT_DEADLINE_S if failures < PROMPT_ATTEMPTS else LATE_DEADLINE_S


def next_delay_s(
    failures: int, *, retry_after_s: float | None = None, uniform: Uniform = random.uniform
) -> float | None:
    """Return the seconds until the next attempt after `failures` failures, None where none is left.

    A `Retry-After` is honoured up to twice the step, and never makes an attempt come earlier.
    """
    if failures >= MAX_ATTEMPTS:
        return None
    step_s = STEPS_S[failures]
    low = 0.0 if failures < PROMPT_ATTEMPTS else -JITTER
    delay_s = step_s * (1 + uniform(low, JITTER))
    if retry_after_s is not None:
        delay_s = max(delay_s, min(retry_after_s, 2.0 * step_s))
    return delay_s
