"""Numbers about numbers: percentiles, medians, rates. No I/O."""

import math
import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile (`share` 0.95 for p95); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float | None:
    """Return the median; None of nothing."""
    return statistics.median(values) if values else None


def rounded(value: float | None, digits: int = 3) -> float | None:
    """Return `value` rounded for print; None stays None."""
    return None if value is None else round(value, digits)


def latency_ms(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return average, p50, p95, p99 and max of durations given in seconds, in milliseconds."""
    in_ms = [value * 1000 for value in seconds]
    return {
        "average_ms": rounded(statistics.fmean(in_ms), 1) if in_ms else None,
        "p50_ms": rounded(percentile(in_ms, 0.5), 1),
        "p95_ms": rounded(percentile(in_ms, 0.95), 1),
        "p99_ms": rounded(percentile(in_ms, 0.99), 1),
        "max_ms": rounded(max(in_ms), 1) if in_ms else None,
    }


def spread_s(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return p50, p95, p99 and max of durations in seconds."""
    return {
        "p50_s": rounded(percentile(seconds, 0.5)),
        "p95_s": rounded(percentile(seconds, 0.95)),
        "p99_s": rounded(percentile(seconds, 0.99)),
        "max_s": rounded(max(seconds)) if seconds else None,
    }


def ratio(part: float | None, whole: float | None) -> float | None:
    """Return part / whole to three digits; None where either is missing or there is no whole."""
    if part is None or not whole:
        return None
    return round(part / whole, 3)
