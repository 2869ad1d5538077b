"""Each kind of failure is told in words that say what to do, by real calls where they can fail."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp.connector import _SSL_CONTEXT_VERIFIED
from yarl import URL

from atlaspay.core import fanout
from tests.webhooks.certificates import Authority, server_context
from tests.webhooks.receiver import ReceiverThread
from webhooks.delivery import call
from webhooks.delivery.call import Answer
from webhooks.diagnosis import explain

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def post(url: str, deadline_s: float = 5.0) -> Answer:
    """Send one message and return what came of it."""
    fan = fanout.current()
    sent = call.post(fan, URL(url), body=b"{}", headers={}, deadline_s=deadline_s)
    return fan.submit(sent).result(30)


@pytest.fixture
def authority(tmp_path):
    """Return an authority that the sender trusts."""
    made = Authority(tmp_path)
    _SSL_CONTEXT_VERIFIED.load_verify_locations(made.root)
    return made


@pytest.fixture
def tls():
    """Return a function that serves a certificate and returns the URL."""
    running = []

    def serve(file) -> str:
        running.append(ReceiverThread(server_context(file)))
        return running[-1].receiver.url + "/ok"

    yield serve
    for one in running:
        one.stop()


def test_a_good_certificate_is_taken(authority, tls):
    answer = post(tls(authority.issue("localhost")))
    assert (answer.http_status, explain(answer)) == (200, None)


def test_an_expired_certificate_is_told_with_its_day(authority, tls):
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
    answer = post(tls(authority.issue("localhost", starts_at=began, days=5)))
    until = began + timedelta(days=5)
    assert answer.error == "tls_certificate"
    assert explain(answer) == f"The certificate expired on {until:%Y-%m-%d %H:%M} UTC. Renew it."


def test_a_certificate_of_tomorrow_is_told_with_its_day(authority, tls):
    begins = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    answer = post(tls(authority.issue("localhost", starts_at=begins, days=5)))
    assert explain(answer) == (
        f"The certificate is not valid before {begins:%Y-%m-%d %H:%M} UTC."
        " Check its dates and your server's clock."
    )


def test_a_certificate_for_another_name_is_told_with_both(authority, tls):
    answer = post(tls(authority.issue("shop.example")))
    assert explain(answer) == (
        "The certificate is not for localhost but for shop.example."
        " Issue one for this host name, or correct the URL."
    )


def test_a_self_signed_certificate_is_told(authority, tls):
    answer = post(tls(authority.issue("localhost", is_self_signed=True)))
    assert explain(answer) == (
        "The certificate is signed by itself, not by an authority."
        " Use one from a public authority, such as Let's Encrypt."
    )


def test_an_authority_that_nobody_knows_is_told(tmp_path, tls):
    answer = post(tls(Authority(tmp_path, "Inner CA").issue("localhost")))
    assert explain(answer) == (
        "The certificate's issuer (Inner CA) is not known: a link of the chain is missing."
        " Send the whole chain (fullchain.pem)."
    )


def test_plain_http_where_tls_was_meant(receiver):
    answer = post(receiver.url.replace("http:", "https:") + "/ok")
    assert answer.error == "tls"
    assert "TLS handshake failed" in explain(answer)


def test_tls_where_plain_http_was_meant(authority, tls):
    answer = post(tls(authority.issue("localhost")).replace("https:", "http:"))
    assert answer.error in {"connection_reset", "bad_http"} or answer.http_status == 400
    assert explain(answer)


def test_a_name_that_does_not_resolve(monkeypatch):
    async def fail(self, host, port=0, family=socket.AF_UNSPEC):
        raise OSError(None, "Name or service not known")

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", fail)
    answer = post("http://nowhere-1.example/")
    assert (answer.error, explain(answer)) == (
        "dns", "The host name does not resolve. Check the URL and your DNS records.",
    )  # fmt: skip


def test_name_servers_that_do_not_answer(monkeypatch):
    async def hang(self, host, port=0, family=socket.AF_UNSPEC):
        await asyncio.sleep(30)

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", hang)
    answer = post("http://nowhere-2.example/", deadline_s=0.3)
    assert answer.error == "dns_timeout"
    assert explain(answer).startswith("Your name servers do not answer in time.")


def test_nothing_listens():
    answer = post("http://127.0.0.1:9/")
    assert explain(answer).startswith("Nothing listens on that port.")


def test_no_answer_in_time(receiver):
    answer = post(receiver.url + "/hang", deadline_s=0.3)
    receiver.release.set()
    assert answer.error == "timeout"
    assert explain(answer).startswith("The connection stood, but no answer came in time.")


def test_a_full_backlog_is_a_connection_that_does_not_come(monkeypatch):
    monkeypatch.setattr(call, "CONNECT_S", 0.3)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        answer = post(f"http://127.0.0.1:{address[1]}/")
        for one in waiting:
            one.close()
    assert answer.error == "connect_timeout"
    assert explain(answer).startswith("No TCP and TLS connection within 3 seconds.")


def test_a_body_that_drips_after_a_2xx_is_a_remark(receiver):
    answer = post(receiver.url + "/drip", deadline_s=0.4)
    assert (answer.http_status, answer.error) == (200, "")
    assert explain(answer).startswith("Received: your 2xx counts.")


def seen(status: int, **headers: str) -> Answer:
    """Return an answer with these headers (underscores for hyphens) that came at ten o'clock."""
    kept = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, f"http_{status}", "", NOW, 500, response_headers=kept)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (seen(301, location="https://new.example/h"), "It points to https://new.example/h;"),
        (seen(302), "Redirects are not followed."),
        (seen(400), "Verify the signature over the raw body"),
        (seen(401), "asks for a login"),
        (seen(403), "A firewall, WAF or CSRF check"),
        (seen(404), "The path does not exist"),
        (seen(405), "does not take POST"),
        (seen(410), "we disabled the endpoint"),
        (seen(418), "Only a 2xx answer counts"),
        (seen(429), "You asked us to slow down"),
        (seen(500), "Your server failed"),
        (seen(403, content_type="text/html; charset=utf-8"), "a login page or a WAF"),
        (seen(404, content_type="TEXT/HTML"), "leads to your website"),
        (seen(502, content_type="text/html"), "a proxy or website answered"),
        (seen(400, date="Sun, 22 Nov 2026 10:10:00 GMT"), "clock is 600 s ahead"),
        (seen(401, date="Sun, 22 Nov 2026 09:50:00 GMT"), "clock is 600 s behind"),
        (seen(401, date="Sun, 22 Nov 2026 10:01:00 GMT"), "asks for a login"),
        (seen(400, date="soon"), "Verify the signature"),
    ],
)
def test_an_answer_is_explained_by_status_headers_and_clock(answer, words):
    assert words in explain(answer)


def test_a_stranger_cannot_put_control_characters_into_the_words(tmp_path, tls):
    answer = post(tls(Authority(tmp_path, "Evil\u202e\x1b[31m CA").issue("localhost")))
    assert "(Evil[31m CA)" in answer.detail
    assert answer.detail.isprintable()
