"""Mails to partners: written with the fact, sent once, tried again."""

import smtplib

import pytest
from django.core import mail as sent_mail
from django.core.mail.backends.locmem import EmailBackend
from django.db.models.functions import Now

from tests.factories import PartnerFactory
from tests.webhooks.factories import make_endpoint
from webhooks import mail
from webhooks.models import MailMessage

pytestmark = pytest.mark.django_db


def tell(endpoint, kind):
    """Write a mail of this kind."""
    partner_id, endpoint_id = endpoint.partner_id, endpoint.id
    if kind == "delivery_exhausted":
        mail.tell_exhausted(partner_id, endpoint_id, "wd_1")
    elif kind == "endpoint_misconfigured":
        mail.tell_misconfigured(partner_id, endpoint_id, "wd_1", 403)
    elif kind == "endpoint_failing":
        mail.tell_failing(partner_id, endpoint_id, endpoint.created_at, 1)
    else:
        mail.tell_disabled(partner_id, endpoint_id, "It answered 410 Gone.")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("delivery_exhausted", ["/v1/webhook-deliveries/wd_1/retry", "30 days"]),
        ("endpoint_misconfigured", ["the status 403", "/test"]),
        ("endpoint_failing", ["After five days"]),
        ("endpoint_disabled", ["It answered 410 Gone."]),
    ],
)
def test_each_kind_has_its_text(kind, words):
    endpoint = make_endpoint(
        "http://shop.example/a&b<c>", partner=PartnerFactory(name="O'Neil & Co")
    )
    tell(endpoint, kind)
    assert mail.send_due() == 1
    (message,) = sent_mail.outbox
    assert message.to == [endpoint.partner.email]
    assert endpoint.url in message.subject
    assert "\n" not in message.subject
    assert "Hello O'Neil & Co" in message.body
    assert "{" not in message.body.replace('{"status": "enabled"}', "")
    for text in words:
        assert text in message.body
    row = MailMessage.objects.get()
    assert (row.state, row.recipient, row.attempt_count) == ("sent", endpoint.partner.email, 1)
    assert row.sent_at is not None


def test_a_storm_of_failures_is_one_mail_an_hour():
    endpoint = make_endpoint()
    for _ in range(100):
        tell(endpoint, "delivery_exhausted")
    tell(make_endpoint(), "delivery_exhausted")
    assert MailMessage.objects.count() == 2


class Refusing(EmailBackend):
    """A mail server that is away."""

    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("gone")


def test_a_mail_server_that_is_away_costs_time_and_no_mail(settings):
    settings.EMAIL_BACKEND = "tests.webhooks.test_mail.Refusing"
    tell(make_endpoint(), "endpoint_disabled")
    assert mail.send_due() == 0
    row = MailMessage.objects.get()
    assert (row.state, row.attempt_count, row.last_error) == (
        "pending", 1, "SMTPServerDisconnected",
    )  # fmt: skip
    assert mail.send_due() == 0
    assert MailMessage.objects.get().attempt_count == 1  # not due yet
    for _ in range(7):
        MailMessage.objects.update(due_at=Now())
        mail.send_due()
    row.refresh_from_db()
    assert (row.state, row.attempt_count) == ("failed", 8)
    MailMessage.objects.update(due_at=Now())
    assert mail.send_due() == 0


def test_while_the_mail_server_is_away_the_others_wait_unspent(settings):
    settings.EMAIL_BACKEND = "tests.webhooks.test_mail.Refusing"
    for _ in range(3):
        tell(make_endpoint(), "endpoint_disabled")
    assert mail.send_due() == 0
    assert sorted(MailMessage.objects.values_list("attempt_count", flat=True)) == [0, 0, 1]
    assert not MailMessage.objects.filter(due_at__lte=Now()).exists()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    MailMessage.objects.update(due_at=Now())
    assert mail.send_due() == 3


def test_a_mail_that_was_claimed_by_a_dead_sender_is_sent_when_its_lease_ends():
    tell(make_endpoint(), "endpoint_disabled")
    MailMessage.objects.update(
        claim_id="00000000-0000-0000-0000-000000000001", attempt_count=1, due_at=Now()
    )
    assert mail.send_due() == 1
    assert MailMessage.objects.get().attempt_count == 2
