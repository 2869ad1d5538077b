"""The wire: authentication, routes, bad input, connections, starting and stopping."""

import json
import socket

import pytest

from tests.simulator.bankproc import API_KEY, SECRET, BankProcess, eur_order, usd_order

FULL = 1_000_000_000_000


def raw(bank: BankProcess, *chunks: bytes, limit: int = 65536) -> bytes:
    """Send bytes and return all that comes back until the bank closes or falls silent."""
    with socket.create_connection(("127.0.0.1", bank.port), timeout=3) as sock:
        for chunk in chunks:
            sock.sendall(chunk)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while len(answer) < limit:
            data = sock.recv(65536)
            if not data:
                break
            answer += data
        return answer


def request(order: object, key: str, *headers: str) -> bytes:
    body = json.dumps(order).encode()
    lines = [
        "POST /v1/transfers HTTP/1.1",
        "Host: bank",
        f"Authorization: Bearer {API_KEY}",
        f"Idempotency-Key: {key}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("value", [None, "Bearer wrong", f"Basic {API_KEY}", API_KEY, "Bearer é"])
def test_the_data_plane_needs_the_key(bank: BankProcess, value: str | None) -> None:
    headers = {"Authorization": value.encode() if value else None, "Idempotency-Key": "k"}
    url = f"{bank.url}/v1/transfers"
    answer = bank.session.post(url, json=eur_order(0), headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert bank.audit()["transfers"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/",
        "/v1/nothing",
        "/v1/transfers/tr_0",
        "/v1/accounts/nobody",
        "/v1/accounts/acct_eur/nothing",
        "/v1/directory/rtp/123",
        "/v1/directory/swift/DEUTDEFF",
        "/_sim/nothing",
    ],
)
def test_what_is_not_there_is_404(bank: BankProcess, path: str) -> None:
    answer = bank.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_id_has_one_spelling(bank: BankProcess) -> None:
    transfer_id = bank.pay(0)["id"]
    assert bank.get(f"/v1/transfers/{transfer_id}").status_code == 200
    for other in (transfer_id.upper(), transfer_id[:-2] + "_1", transfer_id[:-2] + "+1"):
        assert bank.get(f"/v1/transfers/{other}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/v1/transfers", "GET, POST"),
        ("POST", "/v1/accounts/acct_eur", "GET"),
        ("GET", "/_sim/reset", "POST"),
        ("POST", "/_sim/config", "GET, PUT, PATCH"),
    ],
)
def test_a_wrong_method_is_405_with_allow(
    bank: BankProcess, method: str, path: str, allow: str
) -> None:
    answer = bank.session.request(method, f"{bank.url}{path}", timeout=5)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allow)


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"amount_minor": 0}, "validation_failed", "/amount_minor"),
        ({"amount_minor": -1}, "validation_failed", "/amount_minor"),
        ({"amount_minor": 10.5}, "validation_failed", "/amount_minor"),
        ({"amount_minor": 10.0}, "validation_failed", "/amount_minor"),
        ({"amount_minor": "10"}, "validation_failed", "/amount_minor"),
        ({"amount_minor": True}, "validation_failed", "/amount_minor"),
        ({"amount_minor": 10**30}, "validation_failed", "/amount_minor"),
        ({"currency": "JPY"}, "validation_failed", "/currency"),
        ({"currency": "USD"}, "rail_currency_mismatch", "/currency"),
        ({"rail": "swift"}, "validation_failed", "/rail"),
        ({"rail": "rtp"}, "rail_currency_mismatch", "/currency"),
        ({"debtor_account_id": "acct_none"}, "unknown_debtor_account", "/debtor_account_id"),
        ({"debtor_account_id": "acct_usd"}, "debtor_currency_mismatch", "/debtor_account_id"),
        ({"end_to_end_id": "e" * 36}, "validation_failed", "/end_to_end_id"),
        ({"end_to_end_id": "line\nbreak"}, "validation_failed", "/end_to_end_id"),
        ({"end_to_end_id": "trailing\n"}, "validation_failed", "/end_to_end_id"),
        ({"remittance": "a\x00b"}, "validation_failed", "/remittance"),
        ({"callback_url": "file:///etc/passwd"}, "validation_failed", "/callback_url"),
        ({"surprise": 1}, "validation_failed", ""),
        ({"creditor": {"name": "A"}}, "validation_failed", "/creditor"),
    ],
)
def test_a_wrong_order_is_422_and_moves_nothing(
    bank: BankProcess, changes: dict[str, object], code: str, pointer: str
) -> None:
    answer = bank.send(eur_order(0, **changes))  # type: ignore[arg-type]
    assert answer.status_code == 422, answer.text
    assert (answer.json()["code"], answer.json()["pointer"]) == (code, pointer)
    assert bank.audit()["transfers"] == 0
    assert bank.balance() == FULL


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ({"type": "iban", "iban": "NL00ATLS0000000000"}, "invalid_iban"),
        ({"type": "iban", "iban": "NL64ATLS0000000000\n"}, "validation_failed"),
        ({"type": "iban", "iban": "nl64atls0000000000"}, "validation_failed"),
        ({"type": "bban", "iban": "NL64ATLS0000000000"}, "validation_failed"),
        (
            {"type": "uk", "sort_code": "040004", "account_number": "10000000"},
            "rail_account_mismatch",
        ),
    ],
)
def test_a_wrong_account_is_422(bank: BankProcess, account: dict[str, str], code: str) -> None:
    answer = bank.send(eur_order(0, creditor={"name": "A", "account": account}))
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_routing_number_needs_its_checksum(bank: BankProcess) -> None:
    answer = bank.send(usd_order(0, routing_number="790100017"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_routing_number")


@pytest.mark.parametrize("body", [b"", b"{", b"[]x", b'{"a":\xff}', b"\x00", b'"\\ud800"'])
def test_broken_json_is_refused(bank: BankProcess, body: bytes) -> None:
    url = f"{bank.url}/v1/transfers"
    answer = bank.session.post(url, data=body, headers={"Idempotency-Key": "k"}, timeout=5)
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"malformed_json", "validation_failed"}
    assert bank.audit()["transfers"] == 0


@pytest.mark.parametrize(
    "query", ["?cursor=x", "?limit=-1", "?what=1", "?status=paid", "?limit=9999"]
)
def test_a_wrong_query_is_422(bank: BankProcess, query: str) -> None:
    assert bank.get(f"/v1/transfers{query}").status_code == 422


def test_the_list_pages_and_filters(bank: BankProcess) -> None:
    ids = [bank.pay(nn)["id"] for nn in (0, 2, 0, 13)]
    first = bank.read("/v1/transfers", limit=3)
    assert [item["id"] for item in first["data"]] == ids[:3]
    second = bank.read("/v1/transfers", limit=3, cursor=first["next_cursor"])
    assert ([i["id"] for i in second["data"]], second["next_cursor"]) == (ids[3:], None)
    rejected = bank.read("/v1/transfers", status="rejected")
    assert [item["id"] for item in rejected["data"]] == [ids[1]]


def test_two_transfers_under_one_end_to_end_id_are_both_found(bank: BankProcess) -> None:
    ids = [bank.pay(0, end_to_end_id="same-1")["id"] for _ in range(2)]
    found = bank.read("/v1/transfers", end_to_end_id="same-1")["data"]
    assert [item["id"] for item in found] == ids


@pytest.mark.parametrize(
    "junk",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /v1/transfers HTTP/1.1\r\nContent-Length: five\r\n\r\n",
        b"POST /v1/transfers HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/transfers HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_malformed_http_is_400_and_closes(bank: BankProcess, junk: bytes) -> None:
    answer = raw(bank, junk)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"malformed_request"' in answer
    assert b"Connection: close" in answer
    assert bank.pay(0)["status"] == "settled"


def test_a_body_above_64_kb_is_413(bank: BankProcess) -> None:
    answer = bank.send(eur_order(0, remittance="x" * 70_000))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_chunked_body_above_64_kb_is_413(bank: BankProcess) -> None:
    head = b"POST /v1/transfers HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    assert raw(bank, head + chunk * 5).startswith(b"HTTP/1.1 413 ")


def test_a_head_above_16_kb_is_431(bank: BankProcess) -> None:
    head = b"GET /healthz HTTP/1.1\r\nX-Long: " + b"y" * 20_000 + b"\r\n\r\n"
    assert raw(bank, head).startswith(b"HTTP/1.1 431 ")


def test_a_chunked_body_is_read(bank: BankProcess) -> None:
    body = json.dumps(eur_order(0)).encode()
    url = f"{bank.url}/v1/transfers"
    headers = {"Idempotency-Key": "key-1"}
    chunks = iter([body[:10], body[10:11], body[11:]])
    answer = bank.session.post(url, data=chunks, headers=headers, timeout=5)
    assert answer.json()["status"] == "settled"


def test_pipelined_requests_are_answered_in_order(bank: BankProcess) -> None:
    bank.configure(latency={"kind": "uniform", "min_ms": 0, "max_ms": 20})
    count = 60
    sent = b"".join(
        request(eur_order(0, end_to_end_id=f"pipe-{n}"), f"key-{n}") for n in range(count)
    )
    answer = raw(bank, sent, limit=10**6)
    assert answer.count(b"HTTP/1.1 201 ") == count
    places = [answer.index(f'"pipe-{n}"'.encode()) for n in range(count)]
    assert places == sorted(places)


def test_a_request_may_come_byte_by_byte(bank: BankProcess) -> None:
    whole = request(eur_order(0), "key-1")
    answer = raw(bank, *[whole[at : at + 1] for at in range(len(whole))])
    assert answer.startswith(b"HTTP/1.1 201 ")


def test_connection_close_and_http_1_0_are_honoured(bank: BankProcess) -> None:
    with socket.create_connection(("127.0.0.1", bank.port), timeout=3) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := sock.recv(4096):
            answer += data
    assert b"Connection: close" in answer
    assert answer.endswith(b'{"status":"ok"}')
    assert raw(bank, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_head_gets_no_body(bank: BankProcess) -> None:
    answer = raw(bank, b"HEAD /v1/accounts HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.endswith(b"\r\n\r\n")


def test_expect_100_continue_is_answered(bank: BankProcess) -> None:
    answer = raw(bank, request(eur_order(0), "key-1", "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 ")


def test_the_directory_knows_the_rails_of_a_bank(bank: BankProcess) -> None:
    found = {
        (rail, number): bank.read(f"/v1/directory/{rail}/{number}")["reachable"]
        for rail in ("rtp", "fednow")
        for number in ("790100016", "790100029", "790100032", "790100045", "790100058")
    }
    assert [key for key, reachable in found.items() if reachable] == [
        ("rtp", "790100016"),
        ("rtp", "790100029"),
        ("fednow", "790100016"),
        ("fednow", "790100032"),
    ]
    assert bank.read("/v1/directory/sepa_inst/ATLSNL2A")["reachable"] is True
    assert bank.read("/v1/directory/fps/040004")["reachable"] is True


def test_payee_verification_knows_22(bank: BankProcess) -> None:
    url = f"{bank.url}/v1/payee-verifications"
    results = []
    for iban in ("NL64ATLS0000000000", "NL52ATLS0000000022", "NL00ATLS0000000022"):
        body = {"name": "Jan", "account": {"type": "iban", "iban": iban}}
        answer = bank.session.post(url, json=body, timeout=5).json()
        results.append(answer.get("result") or (answer["code"], answer["pointer"]))
    assert results == ["match", "no_match", ("invalid_iban", "/account/iban")]


def test_a_taken_port_is_one_line_that_names_the_variable(bank: BankProcess) -> None:
    code, message = BankProcess.refused(f"--port={bank.port}")
    assert code == 1
    assert message == (
        f"sandbox bank: Port {bank.port} on 127.0.0.1 is taken: stop what listens there, "
        "or set SANDBOX_BANK_PORT to a free port.\n"
    )


def test_bad_settings_are_one_line(bank: BankProcess) -> None:
    assert bank.port
    assert BankProcess.refused("--port=http")[1].count("\n") == 1
    code, message = BankProcess.refused("--port=0", "--webhook-secret=hush")
    assert (code, message.count("\n")) == (1, 1)
    assert "whsec_" in message


def test_the_environment_sets_port_key_and_secret() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environ = {
        "SANDBOX_BANK_PORT": str(port),
        "SANDBOX_BANK_API_KEY": "other",
        "SANDBOX_BANK_WEBHOOK_SECRET": SECRET,
    }
    bank = BankProcess(environ=environ, port=None)
    with bank:
        assert bank.port == port
        assert bank.get("/v1/accounts").status_code == 401
        bank.session.headers["Authorization"] = "Bearer other"
        assert bank.get("/v1/accounts").status_code == 200


def test_sigterm_ends_it_cleanly() -> None:
    bank = BankProcess().start()
    bank.pay(0)
    assert bank.stop() == 0
