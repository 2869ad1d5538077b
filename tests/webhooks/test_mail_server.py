"""Mail against a real SMTP server that takes, defers, refuses, drags on, breaks off or is away."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from django.db import connection
from django.db.models.functions import Now

from tests.factories import PartnerFactory
from tests.webhooks.certificates import Authority, server_context
from tests.webhooks.factories import make_endpoint
from webhooks import mail, mailing, sql
from webhooks.models import MailMessage

pytestmark = pytest.mark.django_db


class Postbox:
    """The server's handler: keeps what it takes and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.rcpt: dict[str, str] = {}
        self.mail_from = self.data = ""
        self.delay_s = 0.0
        self.is_secure: list[bool] = []

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        if self.mail_from:
            return self.mail_from
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        await asyncio.sleep(self.delay_s)
        if self.data == "close":
            server.transport.abort()
            return "421 gone"
        if self.data:
            return self.data
        self.is_secure.append(session.ssl is not None)
        self.got.append(envelope.original_content)
        return "250 OK"


class Server(Controller):
    """On a port of the system's choice, which the controller's own look for it must know."""

    def __init__(self, handler: Postbox, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        super().__init__(handler, hostname="127.0.0.1", port=0)

    def factory(self) -> SMTP:
        if self._context is None:
            return SMTP(self.handler)
        return SMTP(self.handler, tls_context=self._context, require_starttls=True)

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def postbox(settings) -> Iterator[Postbox]:
    """Return the handler of a server that the settings point to."""
    handler = Postbox()
    controller = Server(handler)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = controller.port
    settings.EMAIL_USE_TLS = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield handler
    controller.stop()


def tell(email="shop@example.com"):
    """Write one mail."""
    endpoint = make_endpoint(partner=PartnerFactory(email=email))
    mail.tell_disabled(endpoint.partner_id, endpoint.id, "It answered 410 Gone.")
    return MailMessage.objects.latest("id")


def again():
    MailMessage.objects.filter(state="pending").update(due_at=Now())


def waits_s(row):
    row.refresh_from_db()
    return (row.due_at - sql.now()).total_seconds()


def test_a_mail_arrives_whole_and_once(postbox):
    row = tell()
    assert mailing.send_due() == 1
    assert mailing.send_due() == 0
    (raw,) = postbox.got
    message = message_from_bytes(raw, policy=default)
    assert message["to"] == "shop@example.com"
    assert message["message-id"].startswith(f"<mail-{row.pk}-")
    assert message["auto-submitted"] == "auto-generated"
    parts = [part.get_content_type() for part in message.walk()]
    assert parts == ["multipart/alternative", "text/plain", "text/html"]


def test_many_mails_go_over_one_session(postbox):
    for number in range(20):
        tell(f"shop-{number}@example.com")
    assert mailing.send_due(30) == 20
    assert len(postbox.got) == 20


def test_one_mail_is_claimed_at_a_time_whatever_the_statistics_say(postbox):
    tell("shop-0@example.com")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE webhooks_mailmessage")
    for number in range(1, 20):
        tell(f"shop-{number}@example.com")
    assert mailing.send_due(30) == 20


def test_a_server_that_is_not_there_costs_no_mail_and_no_attempt(postbox, settings, caplog):
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9
    rows = [tell(), tell(), tell()]
    for _ in range(12):
        assert mailing.send_due() == 0
        assert set(MailMessage.objects.values_list("state", "attempt_count")) == {("pending", 0)}
        assert all(55 <= waits_s(row) <= 61 for row in rows)
        again()
    assert "mail.server_away" in caplog.text
    settings.EMAIL_PORT = port
    assert mailing.send_due() == 3


def test_after_seven_days_a_mail_is_given_up_loudly(postbox, caplog):
    row = tell()
    MailMessage.objects.update(created_at=sql.now_plus(-7 * 86_400 - 60))
    assert mailing.send_due() == 0
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("failed", "too old")
    assert "mail.given_up" in caplog.text
    assert postbox.got == []


def test_a_mailbox_that_is_unknown_is_not_tried_again_and_holds_nobody_up(postbox):
    postbox.rcpt["gone@example.com"] = "550 no such user"
    gone, good = tell("gone@example.com"), tell("good@example.com")
    assert mailing.send_due() == 1
    gone.refresh_from_db()
    good.refresh_from_db()
    assert (gone.state, gone.last_error) == ("failed", "recipient 550")
    assert good.state == "sent"
    again()
    assert mailing.send_due() == 0


def test_a_mailbox_that_defers_is_tried_eight_times_over_a_day(postbox):
    postbox.rcpt["full@example.com"] = "452 mailbox full"
    full, good = tell("full@example.com"), tell("good@example.com")
    assert mailing.send_due() == 1
    waited = []
    for _ in range(7):
        waited.append(round(waits_s(full), -1))
        assert (full.state, full.last_error) == ("pending", "recipient 452")
        again()
        mailing.send_due()
    full.refresh_from_db()
    assert waited == [60, 300, 900, 3_600, 10_800, 21_600, 43_200]
    assert (full.state, full.attempt_count) == ("failed", 8)
    good.refresh_from_db()
    assert good.state == "sent"


@pytest.mark.parametrize(("answer", "state"), [("554 spam", "failed"), ("451 later", "pending")])
def test_a_refused_text_is_final_only_with_5xx(postbox, answer, state):
    row = tell()
    postbox.data = answer
    assert mailing.send_due() == 0
    row.refresh_from_db()
    assert (row.state, row.last_error) == (state, f"data {answer[:3]}")


def test_our_sender_address_refused_is_our_fault_and_costs_no_mail(postbox):
    row = tell()
    postbox.mail_from = "553 not allowed"
    for _ in range(10):
        mailing.send_due()
        again()
    row.refresh_from_db()
    assert (row.state, row.attempt_count, row.last_error) == ("pending", 0, "SMTPSenderRefused")
    postbox.mail_from = ""
    assert mailing.send_due() == 1


def test_a_session_that_breaks_over_a_mail_counts_for_it_and_the_others_wait_a_minute(postbox):
    first, second = tell("a@example.com"), tell("b@example.com")
    postbox.data = "close"
    assert mailing.send_due() == 0
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.attempt_count, second.attempt_count) == (1, 0)
    assert first.last_error == "SMTPServerDisconnected"
    assert 50 <= waits_s(second) <= 61
    postbox.data = ""
    again()
    assert mailing.send_due() == 2
    assert len(postbox.got) == 2


def test_a_server_that_drags_on_is_cut_off(postbox, monkeypatch):
    row = tell()
    postbox.delay_s = 60
    monkeypatch.setattr(mailing, "DEADLINE_S", 0.5)
    started = time.monotonic()
    assert mailing.send_due() == 0
    assert time.monotonic() - started < 8
    row.refresh_from_db()
    assert (row.state, row.attempt_count) == ("pending", 1)


def test_a_name_with_a_line_break_cannot_add_a_header(postbox):
    row = tell()
    type(row.partner).objects.filter(pk=row.partner_id).update(
        email="shop@example.com\nBcc: everyone@example.com"
    )
    good = tell("good@example.com")
    assert mailing.send_due() == 1
    row.refresh_from_db()
    good.refresh_from_db()
    assert (row.state, row.last_error, good.state) == ("failed", "ValueError", "sent")
    assert len(postbox.got) == 1


@pytest.fixture
def secure(tmp_path: Path, settings) -> Iterator[tuple[Postbox, Authority]]:
    """Return the handler of a server with STARTTLS, and the authority of its certificate."""
    authority = Authority(tmp_path)
    context = server_context(authority.issue("localhost", addresses=["127.0.0.1"]))
    handler = Postbox()
    controller = Server(handler, context)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = controller.port
    settings.EMAIL_USE_TLS = True
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield handler, authority
    controller.stop()


def test_starttls_is_spoken_with_a_server_whose_certificate_is_known(secure, monkeypatch):
    handler, authority = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    tell()
    assert mailing.send_due() == 1
    assert handler.is_secure == [True]


def test_nothing_is_sent_to_a_server_whose_certificate_is_not_known(secure):
    handler, _ = secure
    row = tell()
    assert mailing.send_due() == 0
    row.refresh_from_db()
    assert (row.state, row.attempt_count) == ("pending", 0)
    assert row.last_error == "SSLCertVerificationError"
    assert handler.got == []


def test_a_server_without_starttls_gets_nothing_where_it_is_asked_for(postbox, settings):
    settings.EMAIL_USE_TLS = True
    row = tell()
    assert mailing.send_due() == 0
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("pending", "SMTPNotSupportedError")
    assert postbox.got == []
