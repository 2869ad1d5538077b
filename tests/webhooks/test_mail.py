"""Mails to partners: written with the fact, sent once, tried again."""

from datetime import UTC, datetime

import pytest
from django.core import mail as sent_mail
from django.db.models.functions import Now

from tests.factories import PartnerFactory
from tests.webhooks.factories import emit, jump_to_next_attempt, make_endpoint
from webhooks import mail, mailing
from webhooks.delivery.loop import run_deliveries
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
    elif kind == "endpoint_recovered":
        mail.tell_failing(partner_id, endpoint_id, endpoint.created_at, 1)
        MailMessage.objects.update(state="sent")
        mail.tell_recovered(partner_id, endpoint_id, endpoint.created_at)
    else:
        mail.tell_disabled(partner_id, endpoint_id, "It answered 410 Gone.")


@pytest.mark.parametrize(
    ("kind", "subject", "words"),
    [
        (
            "delivery_exhausted",
            "Webhook deliveries to shop.example have failed for good",
            ["https://pay.example/portal/webhooks/deliveries/wd_1/", "30 days"],
        ),
        (
            "endpoint_misconfigured",
            "Your webhook endpoint at shop.example answers 403",
            ["https://pay.example/portal/webhooks/deliveries/wd_1/", "403"],
        ),
        (
            "endpoint_failing",
            "Your webhook endpoint at shop.example has failed since 20 November 2026 08:05 UTC",
            ["25 November 2026 08:05 UTC"],
        ),
        (
            "endpoint_disabled",
            "We have disabled your webhook endpoint at shop.example",
            ["It answered 410 Gone."],
        ),
        (
            "endpoint_recovered",
            "Your webhook endpoint at shop.example receives again",
            ["20 November 2026 08:05 UTC", "oldest first"],
        ),
    ],
)
def test_each_kind_has_its_text_and_html_with_links_into_the_portal(kind, subject, words, settings):
    settings.ATLASPAY_BASE_URL = "https://pay.example/"
    endpoint = make_endpoint(
        "http://shop.example/a&b<c>", partner=PartnerFactory(name="O'Neil & Co <x>")
    )
    endpoint.created_at = datetime(2026, 11, 20, 8, 5, tzinfo=UTC)
    tell(endpoint, kind)
    MailMessage.objects.update(created_at=Now())
    assert mailing.send_due() == 1
    (message,) = sent_mail.outbox
    assert (message.subject, message.to) == (subject, [endpoint.partner.email])
    ((html, html_type),) = message.alternatives
    assert html_type == "text/html"
    assert "Hello O'Neil & Co <x>" in message.body
    assert "Hello O&#x27;Neil &amp; Co &lt;x&gt;" in html
    assert "a&amp;b&lt;c&gt;" in html
    link = f"https://pay.example/portal/webhooks/{endpoint.id}/"
    assert link in message.body
    for text in words:
        assert text in message.body
        assert text in html
    for part in (message.body, html):
        assert "{{" not in part
        assert "{%" not in part
        assert "None" not in part
    row = MailMessage.objects.get(kind=kind)
    assert (row.state, row.recipient, row.attempt_count) == ("sent", endpoint.partner.email, 1)
    assert row.sent_at is not None


def test_the_mail_says_what_the_last_answer_means(receiver):
    endpoint = make_endpoint(receiver.url + "/status/404")
    emit(endpoint.partner)
    for _ in range(3):
        run_deliveries()
        jump_to_next_attempt()
    assert mailing.send_due() == 1
    (message,) = sent_mail.outbox
    assert "The path does not exist on your server." in message.body
    assert "The path does not exist on your server." in message.alternatives[0][0]


def test_recovery_is_told_only_to_who_heard_bad_news():
    endpoint = make_endpoint()
    since = endpoint.created_at
    mail.tell_recovered(endpoint.partner_id, endpoint.id, since)
    assert not MailMessage.objects.exists()
    mail.tell_exhausted(make_endpoint().partner_id, make_endpoint().id, "wd_1")
    mail.tell_recovered(endpoint.partner_id, endpoint.id, since)
    assert MailMessage.objects.count() == 1
    mail.tell_exhausted(endpoint.partner_id, endpoint.id, "wd_1")
    for _ in range(2):
        mail.tell_recovered(endpoint.partner_id, endpoint.id, since)
    kinds = sorted(MailMessage.objects.values_list("kind", flat=True))
    assert kinds == ["delivery_exhausted", "delivery_exhausted", "endpoint_recovered"]


def test_a_storm_of_failures_is_one_mail_an_hour():
    endpoint = make_endpoint()
    for _ in range(100):
        tell(endpoint, "delivery_exhausted")
    tell(make_endpoint(), "delivery_exhausted")
    assert MailMessage.objects.count() == 2


def test_a_mail_that_was_claimed_by_a_dead_sender_is_sent_when_its_lease_ends():
    tell(make_endpoint(), "endpoint_disabled")
    MailMessage.objects.update(
        claim_id="00000000-0000-0000-0000-000000000001", attempt_count=1, due_at=Now()
    )
    assert mailing.send_due() == 1
    assert MailMessage.objects.get().attempt_count == 2
