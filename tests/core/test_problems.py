"""Every refusal is problem+json with a stable code, and says nothing of our insides."""

import ast
import json
from pathlib import Path

import pytest

from atlaspay.core import errors
from atlaspay.core.problem_docs import CATALOGUE
from tests.factories import api_client

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.probe_urls")]

PROBLEMS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ProblemError)
}


def problem(response, status: int, code: str) -> dict:
    """Assert the standard members and return the body."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = json.loads(response.content)
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"http://127.0.0.1:8000/v1/docs/problems/#{code}"
    assert body["instance"] == response.request["PATH_INFO"]
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response["X-Request-Id"]
    assert CATALOGUE[code][0] == status
    return body


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("boom", 500, "internal_error"),
        ("conflict", 409, "conflict"),
        ("fields", 422, "validation_failed"),
        ("lock", 503, "busy"),
        ("deadlock", 503, "busy"),
        ("gone", 503, "database_unavailable"),
        ("http404", 404, "not_found"),
        ("denied", 403, "permission_denied"),
        ("suspicious", 400, "bad_request"),
        ("drf", 404, "not_found"),
    ],
)
@pytest.mark.parametrize("kind", ["break", "plain"])
def test_each_error_has_its_problem_in_both_kinds_of_view(kind, how, status, code):
    body = problem(api_client().get(f"/v1/{kind}/{how}"), status, code)
    assert "secret" not in json.dumps(body)


def test_members_of_a_problem_go_with_it():
    client = api_client()
    assert problem(client.get("/v1/break/conflict"), 409, "conflict")["state"] == "sent"
    body = problem(client.get("/v1/break/fields"), 422, "validation_failed")
    assert body["errors"] == [{"pointer": "/a", "code": "b", "detail": "c"}]
    assert client.get("/v1/break/lock")["Retry-After"] == "1"
    assert client.get("/v1/break/gone")["Retry-After"] == "5"


def test_a_statement_that_takes_too_long_is_busy_and_not_a_crash(web):
    problem(web.get("/v1/slow"), 503, "busy")


def test_an_unexpected_error_is_logged_with_its_request(caplog):
    response = api_client().get("/v1/break/boom", headers={"X-Request-Id": "abc-1"})
    assert response["X-Request-Id"] == "abc-1"
    assert any(r.exc_info and "secret internals" in str(r.exc_info[1]) for r in caplog.records)


def test_outside_the_api_people_get_pages(web):
    for how, status in (("boom", 500), ("http404", 404), ("denied", 403), ("suspicious", 400)):
        response = web.get(f"/html/{how}")
        assert (response.status_code, response["Content-Type"]) == (
            status,
            "text/html; charset=utf-8",
        )
        assert "X-Request-Id" in response


def test_unknown_addresses(web):
    problem(web.get("/v1/nothing"), 404, "not_found")
    problem(web.get("/callbacks/nothing/at/all"), 404, "not_found")
    problem(web.post("/v1/"), 404, "not_found")
    assert web.get("/nothing")["Content-Type"].startswith("text/html")


def test_a_wrong_method_names_the_right_ones():
    response = api_client().delete("/v1/echo")
    problem(response, 405, "method_not_allowed")
    assert set(response["Allow"].split(", ")) == {"GET", "POST", "PUT", "HEAD", "OPTIONS"}


def test_media_types():
    client = api_client()
    problem(
        client.post("/v1/echo", "a=1", content_type="application/x-www-form-urlencoded"),
        415,
        "unsupported_media_type",
    )
    problem(client.get("/v1/echo", headers={"Accept": "application/xml"}), 406, "not_acceptable")
    for accept in ("*/*", "application/json", "application/json;q=0.9, text/html"):
        assert client.get("/v1/echo", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    ("raw", "code", "members"),
    [
        (b'{"a": 1,\n "b": }', "malformed_json", {"line": 2, "column": 7}),
        (b"{", "malformed_json", {"line": 1, "column": 2}),
        (b"{} {}", "malformed_json", {"line": 1, "column": 4}),
        (b"\xef\xbb\xbf{}", "malformed_json", {"line": 1, "column": 1}),
        (b"NaN", "malformed_json", {}),
        (b'{"a": -Infinity}', "malformed_json", {}),
        (b'{"a": 1e999}', "malformed_json", {}),
        (b"1" * 5_000, "malformed_json", {}),
        (b'{"a": "\\ud800"}', "malformed_json", {}),
        (b'{"a": "\xff"}', "invalid_utf8", {"byte": 7}),
        (b'{"a": "\\u0000"}', "nul_byte", {"byte": 7}),
        (b'{"a": "x\x00"}', "nul_byte", {"byte": 8}),
        (b'{"a": 1, "b": {"c": 2, "c": 3}}', "duplicate_member", {}),
        (b"[" * 17 + b"]" * 17, "too_deep", {}),
        (b"[" * 100_000, "too_deep", {}),
        (b'{"a":' * 100_000, "too_deep", {}),
    ],
)
def test_bodies_that_cannot_be_read(raw, code, members):
    body = problem(api_client().post("/v1/echo", raw, content_type="application/json"), 400, code)
    assert {name: body[name] for name in members} == members


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": "\\\\u0000"}', {"a": "\\u0000"}),
        (b'{"a": "\\ud83d\\ude00 \xc3\xa9"}', {"a": "\U0001f600 é"}),
        (b"[" * 16 + b"]" * 16, [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]),
        (b'{"a": 12345678901234567890}', {"a": 12345678901234567890}),
        (b" null\n", None),
    ],
)
def test_odd_but_valid_bodies_are_read(raw, value):
    response = api_client().post("/v1/echo", raw, content_type="application/json")
    assert response.status_code == 201
    assert json.loads(response.content) == {"got": value}


def test_too_large_a_body_is_refused_by_its_length_and_while_reading(settings):
    settings.ATLASPAY_BODY_LIMIT = 100
    client = api_client()
    fits = b'"' + b"x" * 98 + b'"'
    assert client.post("/v1/echo", fits, content_type="application/json").status_code == 201
    body = problem(
        client.post("/v1/echo", fits + b" ", content_type="application/json"),
        413,
        "body_too_large",
    )
    assert body["limit_bytes"] == 100
    absurd = client.generic("POST", "/v1/echo", b"{}", CONTENT_LENGTH="9" * 5_000)
    problem(absurd, 413, "body_too_large")


def test_a_chunked_body_is_asked_for_its_length(web):
    response = web.generic(
        "POST", "/v1/echo", b"", headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
    )
    problem(response, 411, "length_required")


def test_nul_in_an_address_is_refused_everywhere(web):
    for address in ("/v1/echo?q=%00", "/v1/%00"):
        problem(web.get(address), 400, "bad_request")
    page = web.get("/console/?q=a%00b")
    assert (page.status_code, page["Content-Type"]) == (400, "text/html; charset=utf-8")


def test_validation_errors_point_at_the_fault():
    response = api_client().post(
        "/v1/validate",
        {"amount_minor": 0, "accounts": [{"iban": "ok"}, {"iban": "too long"}, {}]},
        content_type="application/json",
    )
    body = problem(response, 422, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in body["errors"]] == [
        ("/amount_minor", "min_value"),
        ("/accounts/1/iban", "max_length"),
        ("/accounts/2/iban", "required"),
    ]


def test_the_catalogue_page_has_an_anchor_for_each_code(web):
    page = web.get("/v1/docs/problems/")
    assert page.status_code == 200
    text = page.content.decode()
    assert all(f'id="{code}"' in text for code in CATALOGUE)


def test_api_answers_are_not_stored_by_caches():
    assert api_client().get("/v1/echo")["Cache-Control"] == "no-store"


def test_a_plain_views_own_error_page_takes_the_form_of_the_api(web):
    response = web.get("/callbacks/sandbox/")
    problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "POST"


def test_a_plain_views_json_error_takes_the_form_of_the_api(web):
    problem(web.post("/callbacks/nobody/"), 404, "not_found")


# Codes that only people in the console, or the operators' commands, ever see.
INTERNAL = {
    "break_closed",
    "funding_booked",
    "intake_failed",
    "not_waiting",
    "rail_unknown",
    "reason_missing",
    "stale_decision",
    "still_asking",
}


def test_every_code_a_partner_may_meet_is_explained():
    root = Path(__file__).resolve().parents[2]
    apps = ("atlaspay", "partners", "ledger", "payouts", "webhooks")
    used = {
        keyword.value.value
        for app in apps
        for file in (root / app).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in PROBLEMS
        for keyword in node.keywords
        if keyword.arg == "code" and isinstance(keyword.value, ast.Constant)
    }
    assert len(used) > 20
    unexplained = used - INTERNAL - CATALOGUE.keys()
    assert not unexplained, "explain these in atlaspay/core/problem_docs.py"
