"""How endpoints, checks and deliveries are shown: badges, rows, words."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from atlaspay.core import clock, console
from atlaspay.core.console import Call, Table
from webhooks import diagnosis
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, EndpointCheck

STATE_TONES = {
    "pending": "info",
    "delivered": "good",
    "exhausted": "bad",
    "canceled": "idle",
    "superseded": "idle",
}
OUTCOME_TONES = {"delivered": "good", "refused": "bad", "failed": "bad", "in_doubt": "warn"}
CHECK_TONES = {"pending": "info", "passed": "good", "failed": "bad", "canceled": "idle"}
CHECK_WORDS = {
    "pending": "Under way",
    "passed": "Passed",
    "failed": "Not passed",
    "canceled": "Overtaken",
}
STATE_WORDS = {
    "pending": "Waiting",
    "delivered": "Delivered",
    "exhausted": "Given up",
    "canceled": "Canceled",
    "superseded": "Superseded",
}
# Kind of a public id -> its page.
PAGES = {"po": "portal:payout", "bt": "portal:batch", "we": "portal:webhook"}
URL_SHOWN = 70
# A page asks again by itself while something is due within this.
SOON = timedelta(seconds=45)
HELD_BACK = (
    "It cannot be reached, so we hold back; one call tries again {}. Nothing is lost meanwhile."
)
TEST_MODE = (
    "In test mode: it gets tests only, until it has shown that it believes nobody but us. Live"
    " events are kept in the event log meanwhile."
)
FAILING = "Nothing got through since {}. We go on trying, and disable it after five days."


def link(url: str, text: object) -> SafeString:
    """Return a link inside the portal."""
    return format_html('<a class="ap-link" href="{}">{}</a>', url, text)


def endpoint_link(endpoint: Endpoint) -> SafeString:
    """Return a link to an endpoint's page; a deleted one has none."""
    text = Truncator(endpoint.url).chars(URL_SHOWN)
    if endpoint.deleted_at is not None:
        return format_html('{} <span class="ap-dim">(deleted)</span>', text)
    return link(reverse("portal:webhook", args=[endpoint.pk]), text)


def object_link(object_id: str) -> SafeString:
    """Return what an event tells of, linked to its page."""
    page = PAGES.get(object_id.partition("_")[0])
    shown_id = console.code(object_id)
    return link(reverse(page, args=[object_id]), shown_id) if page else shown_id


def delivery_link(delivery: Delivery, text: object) -> SafeString:
    """Return a link to a delivery's page."""
    return link(reverse("portal:delivery", args=[delivery.pk]), text)


def endpoint_badge(endpoint: Endpoint) -> SafeString:
    """Return where an endpoint stands, the worst first."""
    health = getattr(endpoint, "health", None)
    if endpoint.deleted_at is not None:
        return console.badge("Deleted", "idle")
    if endpoint.status == Endpoint.Status.DISABLED:
        return console.badge("Disabled", "bad")
    if health and health.failing_since is not None:
        return console.badge("Failing", "warn")
    if endpoint.mode == Endpoint.Mode.TEST:
        return console.badge("Test mode", "warn")
    return console.badge("Live", "good")


def endpoint_calls(endpoint: Endpoint) -> list[Call]:
    """Return what somebody who looks after the endpoint must know first."""
    calls = []
    health = getattr(endpoint, "health", None)
    until = health.breaker_open_until if health else None
    if endpoint.status == Endpoint.Status.DISABLED:
        calls.append(Call(f"{endpoint.disabled_reason or 'Disabled.'} It gets nothing.", "bad"))
        return calls
    if until and until > clock.now():
        calls.append(Call(HELD_BACK.format(console.distance(until)), "warn"))
    elif health and health.failing_since is not None:
        calls.append(Call(FAILING.format(f"{health.failing_since:%d %b %H:%M}"), "warn"))
    if endpoint.proposed_url:
        words = f"It moves to {endpoint.proposed_url} when that address has passed its check."
        calls.append(Call(words, "info"))
    if endpoint.mode == Endpoint.Mode.TEST:
        calls.append(Call(TEST_MODE, "warn"))
    return calls


def delivery_badge(delivery: Delivery) -> SafeString:
    """Return where a delivery stands."""
    if delivery.claim_id is not None:
        return console.badge("Being sent", "info")
    words = STATE_WORDS.get(delivery.state, delivery.state)
    return console.toned(delivery.state, words, STATE_TONES)


def is_moving(delivery: Delivery) -> bool:
    """Say whether something will happen to a delivery soon."""
    if delivery.state != Delivery.State.PENDING:
        return False
    return delivery.claim_id is not None or _is_soon(delivery.due_at)


def is_check_moving(check: EndpointCheck | None) -> bool:
    """Say whether a check will have news soon."""
    if check is None or check.state != EndpointCheck.State.PENDING:
        return False
    return check.claim_id is not None or _is_soon(check.due_at)


def _is_soon(at: object) -> bool:
    return at is not None and at < clock.now() + SOON  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class CheckShown:
    """A check, ready to be read: when, by whom, how it ended, and each message's finding."""

    at: SafeString
    by: SafeString
    badge: SafeString
    words: str
    url: str
    findings: list[dict[str, object]]

    @classmethod
    def of(cls, check: EndpointCheck | None) -> "CheckShown | None":
        """Return what is shown of a check, None where there is none."""
        if check is None:
            return None
        return cls(
            at=console.when(check.tried_at or check.created_at),
            by=console.actor(check.requested_by),
            badge=console.toned(check.state, CHECK_WORDS[check.state], CHECK_TONES),
            words=_check_words(check),
            url=check.url,
            findings=list(check.results),
        )


def _check_words(check: EndpointCheck) -> str:
    if check.state != EndpointCheck.State.PENDING:
        return ""
    if not check.attempt_count:
        return "It begins in a moment."
    if check.claim_id is not None:
        return "The messages are on their way."
    times = "once" if check.attempt_count == 1 else f"{check.attempt_count} times"
    return f"Tried {times}; again {console.distance(check.due_at)}."


def deliveries_table(
    found: Iterable[Delivery], *, title: str, has_endpoint: bool, empty: str = "None yet."
) -> Table:
    """Return deliveries, each with the link to its page."""
    rows = []
    for delivery in found:
        endpoint = [endpoint_link(delivery.endpoint)] if has_endpoint else []
        rows.append(
            [
                delivery_link(delivery, delivery.event.type),
                object_link(delivery.object_id),
                delivery_badge(delivery),
                delivery.attempt_count,
                console.text_or_dash(_error(delivery.last_error)),
                console.when(delivery.created_at),
                console.when(delivery.due_at if delivery.claim_id is None else None),
                *endpoint,
            ]
        )
    headers = ["Event", "Of", "State", "Attempts>", "Last error", "Created", "Next attempt"]
    return Table(title, [*headers, *(["Endpoint"] if has_endpoint else [])], rows, empty=empty)


def _error(code: str) -> str:
    """Return a failure's code as words: `http_403` is an answer, the others are what they say."""
    if code.startswith("http_"):
        return f"answered {code.removeprefix('http_')}"
    return {"dns": "DNS", "tls": "TLS"}.get(code, code.replace("_", " "))


@dataclass(frozen=True, slots=True)
class AttemptShown:
    """One attempt of a delivery, ready to be read."""

    number: int
    at: SafeString
    badge: SafeString
    status: object
    took: object
    meaning: str
    headers: list[tuple[str, str]]
    body: str


def attempts(found: Iterable[DeliveryAttempt]) -> list[AttemptShown]:
    """Return the attempts, the last first."""
    return [
        AttemptShown(
            number=one.number,
            at=console.when(one.started_at or one.created_at),
            badge=console.toned(one.outcome, _outcome(one), OUTCOME_TONES),
            status=console.text_or_dash(one.http_status),
            took=console.text_or_dash(None if one.duration_ms is None else f"{one.duration_ms} ms"),
            meaning=diagnosis.explain(one) or "",
            headers=[(str(name), str(value)) for name, value in one.response_headers.items()],
            body=bytes(one.response_body or b"").decode("utf-8", "replace"),
        )
        for one in sorted(found, key=lambda one: -one.number)
    ]


def _outcome(attempt: DeliveryAttempt) -> str:
    if attempt.outcome == DeliveryAttempt.Outcome.DELIVERED:
        return "Received"
    if attempt.outcome == DeliveryAttempt.Outcome.REFUSED:
        return f"Answered {attempt.http_status}"
    return attempt.get_outcome_display()


def pretty(body: bytes) -> str:
    """Return an event's body indented for reading; its members keep their order."""
    return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
