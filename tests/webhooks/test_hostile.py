"""A receiver that answers with poison harms itself alone: raw bytes over a socket, no library."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.webhooks.factories import emit, make_endpoint
from webhooks.delivery import sender
from webhooks.delivery.loop import run_deliveries
from webhooks.diagnosis import explain
from webhooks.models import Delivery, DeliveryAttempt, Endpoint

pytestmark = pytest.mark.django_db


class RawReceiver:
    """Answers every request on loopback with the same bytes."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/x"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(self.answer)

    def stop(self) -> None:
        """Close the listener and end the thread."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def raw() -> Iterator[RawReceiver]:
    made = RawReceiver()
    yield made
    made.stop()


def answer_of(status: str, header: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\n%b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (
        status.encode(),
        header,
    )


def state_of(endpoint) -> str:
    return Delivery.objects.get(endpoint_id=endpoint.id).state


@pytest.mark.parametrize("header", [b"Server: \xff\xfe", b"Location: /\xed\xa0\x80"])
def test_headers_that_are_no_unicode_spoil_nobodys_results(raw, receiver, header):
    raw.answer = answer_of("200 OK", header)
    hostile, healthy = make_endpoint(raw.url), make_endpoint(receiver.url + "/ok")
    emit(hostile.partner)
    emit(healthy.partner)
    assert run_deliveries().delivered == 2
    assert (state_of(hostile), state_of(healthy)) == ("delivered", "delivered")
    kept = DeliveryAttempt.objects.get(delivery__endpoint_id=hostile.id).response_headers
    assert all("?" in text for text in kept.values())


@pytest.mark.parametrize(
    "when",
    [b"Mon, 01 Jan 99999999999 00:00:00 GMT", b"Mon, 01 Jan 2026 00:00:00 +9999999999999"],
)
def test_an_instant_beyond_the_calendar_is_no_retry_after(raw, when):
    raw.answer = answer_of("503 Busy", b"Retry-After: " + when)
    endpoint = make_endpoint(raw.url)
    emit(endpoint.partner)
    assert run_deliveries().failed == 1
    assert state_of(endpoint) == "pending"
    assert DeliveryAttempt.objects.get().http_status == 503


def test_a_date_beyond_the_calendar_is_no_clock_skew(raw):
    raw.answer = answer_of("401 No", b"Date: Mon, 01 Jan 99999999999 00:00:00 GMT")
    emit(make_endpoint(raw.url).partner)
    assert run_deliveries().failed == 1
    assert explain(DeliveryAttempt.objects.get()).startswith("Something before your handler")


def test_a_call_that_breaks_in_our_own_code_still_has_a_result(receiver, monkeypatch, caplog):
    def broken(*args: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(sender, "deadline_s", broken)
    endpoint = make_endpoint(receiver.url + "/ok")
    emit(endpoint.partner)
    emit(endpoint.partner)
    assert run_deliveries().failed >= 1
    assert DeliveryAttempt.objects.first().error == "internal"
    assert "webhook.send_broke" in caplog.text


def test_a_secret_that_does_not_open_stops_its_own_endpoint_alone(receiver, caplog):
    broken, healthy = make_endpoint(receiver.url + "/ok"), make_endpoint(receiver.url + "/ok")
    emit(broken.partner)
    emit(healthy.partner)
    Endpoint.objects.filter(id=broken.id).update(secret_sealed=b"\x01\x00" + bytes(40))
    assert run_deliveries().delivered == 1
    assert (state_of(broken), state_of(healthy)) == ("pending", "delivered")
    assert "webhook.secret_unreadable" in caplog.text
