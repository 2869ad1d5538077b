"""What an operator may set over `PUT /_sim/config`: limits, latency, faults, callbacks.

Rates are per second, durations in the unit their name carries, shares between 0 and 1.
Unknown fields are refused, so a misspelt fault never passes for one that did not happen.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(ge=0, le=1_000_000)]
Ms = Annotated[float, Meta(ge=0, le=600_000)]
Seconds = Annotated[float, Meta(ge=0, le=3_600)]


class Fixed(msgspec.Struct, tag="fixed", tag_field="kind", forbid_unknown_fields=True):
    ms: Ms = 0


class Uniform(msgspec.Struct, tag="uniform", tag_field="kind", forbid_unknown_fields=True):
    min_ms: Ms
    max_ms: Ms

    def __post_init__(self) -> None:
        if self.max_ms < self.min_ms:
            raise ValueError("max_ms is below min_ms")


class Lognormal(msgspec.Struct, tag="lognormal", tag_field="kind", forbid_unknown_fields=True):
    """`median_ms` times e to the power of a normal deviate of standard deviation `sigma`."""

    median_ms: Ms
    sigma: Annotated[float, Meta(ge=0, le=3)] = 0.5


Latency = Fixed | Uniform | Lognormal


class RampPoint(msgspec.Struct, forbid_unknown_fields=True):
    """From `at_s` after the config was put, the limit is `rate_per_s`."""

    at_s: Annotated[float, Meta(ge=0)]
    rate_per_s: Rate


class Ramp(msgspec.Struct, forbid_unknown_fields=True):
    """The rate limit over time; `linear` moves between points, `step` jumps at them."""

    points: Annotated[list[RampPoint], Meta(min_length=1, max_length=1000)]
    shape: Literal["step", "linear"] = "step"

    def __post_init__(self) -> None:
        times = [point.at_s for point in self.points]
        if times != sorted(set(times)):
            raise ValueError("the points of a ramp must have rising at_s")


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """Shares of POST /v1/transfers that go wrong, drawn once per request.

    error: a 5xx of `error_statuses`; reset: TCP reset; hang: no answer for `hang_s`, then a close.
    `accepted_share` of the faulty requests (never a 503) is carried out all the same: the client
    cannot tell. `lookups` applies the shares to GETs too.
    """

    error_share: Share = 0
    error_statuses: Annotated[
        list[Annotated[int, Meta(ge=500, le=504)]], Meta(min_length=1, max_length=20)
    ] = msgspec.field(default_factory=lambda: [500, 502, 503, 504])
    reset_share: Share = 0
    hang_share: Share = 0
    hang_s: Seconds = 30
    accepted_share: Share = 0.5
    lookups: bool = False

    def __post_init__(self) -> None:
        if self.error_share + self.reset_share + self.hang_share > 1:
            raise ValueError("the fault shares exceed 1 together")
        if 501 in self.error_statuses:
            raise ValueError("error_statuses may hold 500, 502, 503 and 504")


class Webhooks(msgspec.Struct, forbid_unknown_fields=True):
    """How callbacks go out; `url` serves transfers that name none (null: none is sent).

    `synchronous`: tell also what the answer to the POST has told already.
    """

    enabled: bool = True
    url: Annotated[str, Meta(max_length=500, pattern=r"^https?://[^\s]+\Z")] | None = None
    synchronous: bool = False
    loss_share: Share = 0
    duplicate_share: Share = 0
    reorder_share: Share = 0
    delay: Latency = msgspec.field(default_factory=Fixed)
    max_attempts: Annotated[int, Meta(ge=1, le=20)] = 8
    retry_s: Annotated[float, Meta(ge=0.01, le=600)] = 1
    timeout_s: Annotated[float, Meta(ge=0.05, le=60)] = 10


class Config(msgspec.Struct, forbid_unknown_fields=True):
    """Everything adjustable; null means no limit.

    `rate_per_s`, `burst`, `ramp`, `concurrency` and `latency` bear on POST /v1/transfers, the
    `lookup_` fields on all other calls of the data plane. A ramp replaces `rate_per_s`.
    `retry_after_s` overrides the wait that is told (the true one is kept in the body).
    """

    rate_per_s: Rate | None = None
    burst: Annotated[float, Meta(ge=1, le=1_000_000)] | None = None
    concurrency: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    ramp: Ramp | None = None
    lookup_rate_per_s: Rate | None = None
    lookup_burst: Annotated[float, Meta(ge=1, le=1_000_000)] | None = None
    retry_after_form: Literal["seconds", "http_date", "none"] = "seconds"
    retry_after_s: Annotated[int, Meta(ge=0, le=3_600)] | None = None
    latency: Latency = msgspec.field(default_factory=Fixed)
    lookup_latency: Latency = msgspec.field(default_factory=Fixed)
    hang_s: Seconds = 30
    recalls_accepted: bool = True
    faults: Faults = msgspec.field(default_factory=Faults)
    webhooks: Webhooks = msgspec.field(default_factory=Webhooks)
    seed: int = 1


class Outage(msgspec.Struct, forbid_unknown_fields=True):
    """The data plane is away for `seconds` of real time; 0 ends an outage."""

    seconds: Seconds
    mode: Literal["error", "reset", "hang"] = "error"
