"""The problem codes of the API and the page that explains them, where each `type` leads."""

from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join

# code: (status, what it means and what to do). Additive only: partners branch on these.
CATALOGUE: dict[str, tuple[int, str]] = {
    "bad_request": (400, "The request cannot be served as it is."),
    "malformed_body": (400, "The body could not be read; detail says why."),
    "malformed_json": (400, "The body is no JSON; line and column say where."),
    "invalid_utf8": (400, "The body is not UTF-8; byte says where."),
    "nul_byte": (400, "A NUL character in the body; text has none."),
    "duplicate_member": (400, "A member name stands twice in one JSON object."),
    "too_deep": (400, "The body is nested too deeply."),
    "idempotency_key_missing": (400, "Send an Idempotency-Key header."),
    "idempotency_key_invalid": (400, "A key is 1 to 255 printable ASCII characters."),
    "not_an_object": (400, "The body must be a JSON object."),
    "not_authenticated": (401, "Send Authorization: Bearer with your API key."),
    "key_unknown": (401, "The key is none of ours; look for a copying mistake."),
    "key_expired": (401, "The key has expired; use its successor."),
    "key_revoked": (401, "The key was revoked; use another."),
    "permission_denied": (403, "This is not allowed."),
    "scope_missing": (403, "The key lacks the scope that required_scope names."),
    "address_not_allowed": (403, "The key may be used from other networks only."),
    "partner_paused": (403, "The account is paused: reading works, changes do not."),
    "not_found": (404, "No such address, no such object, or one of another partner."),
    "method_not_allowed": (405, "The Allow header lists the methods of this address."),
    "not_acceptable": (406, "Accept application/json."),
    "conflict": (409, "The object is not in a state that allows this now."),
    "idempotency_in_progress": (409, "The same key is at work; repeat after Retry-After."),
    "batch_reference_taken": (409, "batch_id names your batch that has this reference already."),
    "key_rotated_already": (409, "The key has a successor: rotate that, or issue a new key."),
    "not_cancelable": (409, "It was sent already, or has ended; cancelable on the object says so."),
    "endpoint_disabled": (409, "Enable the endpoint first."),
    "no_redirect": (409, "The delivery's last answer was no redirect to another URL."),
    "no_rotation": (409, "No secret is rotating at this endpoint."),
    "endpoint_limit_reached": (409, "Delete an endpoint before you add another."),
    "delivery_in_flight": (409, "The delivery is being sent right now; look again in a moment."),
    "replay_expired": (409, "The event is too old to be sent again; read it in the feed."),
    "length_required": (411, "Send the body with Content-Length."),
    "body_too_large": (413, "limit_bytes says how much is read; send smaller batches."),
    "unsupported_media_type": (415, "Send application/json, or what the address names."),
    "validation_failed": (422, "errors lists each fault with a JSON pointer."),
    "invalid_query": (422, "errors names each query parameter that does not fit."),
    "invalid_cursor": (422, "Take next_cursor exactly as a page gave it."),
    "body_not_expected": (422, "This call takes no body."),
    "nothing_to_change": (422, "Name at least one field to change."),
    "too_many_items": (422, "Split the batch; detail says how many fit."),
    "event_unknown": (422, "after names no event of yours."),
    "insufficient_funds": (422, "shortfall_minor says how much is missing; fund the balance."),
    "idempotency_key_reused": (
        422,
        "The key stands for another request: object_id names its object, differing what differs.",
    ),
    "rate_limited": (429, "Come back after Retry-After; RateLimit headers show a key's budget."),
    "preview_budget_used": (429, "Dry runs count items by partner; come back after Retry-After."),
    "internal_error": (500, "A fault of ours; quote request_id. Repeat with the same key."),
    "unavailable": (503, "A server of ours does not answer; repeat after Retry-After."),
    "busy": (503, "The same rows are being changed; repeat after Retry-After."),
    "database_unavailable": (503, "Nothing was changed; repeat after Retry-After."),
}


def problem_page(request: HttpRequest) -> HttpResponse:
    """Return the catalogue as a page; each code has its anchor."""
    rows = format_html_join(
        "\n",
        '<tr id="{}"><td><code>{}</code></td><td>{}</td><td>{}</td></tr>',
        ((code, code, status, text) for code, (status, text) in CATALOGUE.items()),
    )
    return HttpResponse(
        format_html(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>AtlasPay problems</title>'
            "<style>body{{font:16px system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}}"
            "td,th{{padding:.4rem .8rem;text-align:left;border-bottom:1px solid #ddd}}"
            ":target{{background:#fff3bf}}</style><h1>Problem codes</h1>"
            "<p>Every refusal is application/problem+json (RFC 9457). Branch on <code>code</code>;"
            " quote <code>request_id</code> when you write to us.</p>"
            "<table><tr><th>code</th><th>status</th><th>meaning</th></tr>{}</table></html>",
            rows,
        )
    )
