"""Mails to people against a real SMTP server: never within a request, none lost, none doubled."""

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from django.core import mail as django_mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models.functions import Now
from django.test import Client

from atlaspay.core import clock
from portal.members import invitations, resets
from portal.models import Invitation, Membership, Role
from portal.tasks import tidy
from tests.portal.conftest import Market
from tests.portal.test_members import MEMBERS, NEW, link_in
from tests.webhooks.test_mail_server import Postbox, postbox
from webhooks import mailing, sql
from webhooks.models import MailMessage

__all__ = ["postbox"]
pytestmark = pytest.mark.django_db
EMAIL = "ben@acme.example"


def invite(owner: Client) -> MailMessage:
    assert owner.post(MEMBERS, {"email": EMAIL, "role": "viewer"}).status_code == 302
    return MailMessage.objects.get(kind="portal.invitation")


def texts(postbox: Postbox) -> list[str]:
    found = [message_from_bytes(raw, policy=default) for raw in postbox.got]
    return [one.get_content() for one in found]


def due_again() -> None:
    MailMessage.objects.filter(state="pending").update(due_at=Now())


def rows_of_everything() -> str:
    tables = sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", {})
    names = [one["tablename"] for one in tables]
    wanted = [name for name in names if name.startswith(("portal_", "webhooks_", "core_"))]
    return " ".join(
        str(row["row"])
        for name in wanted
        for row in sql.fetch(f'SELECT t::text AS row FROM "{name}" t', {})
    )


class NoServer(BaseEmailBackend):
    """Whoever opens it waits for a mail server."""

    def open(self) -> bool:
        raise AssertionError("a request opened a session with the mail server")

    def send_messages(self, email_messages: object) -> int:
        raise AssertionError("a request sent a mail")


def test_no_request_waits_for_a_mail_server(market: Market, owner: Client, settings) -> None:
    settings.EMAIL_BACKEND = "tests.portal.test_mail.NoServer"
    row = invite(owner)
    assert Client().post("/portal/reset/", {"email": market.owner.username}).status_code == 200

    assert (row.state, row.partner, row.recipient) == ("pending", market.partner, "")
    assert "waiting" in owner.get(MEMBERS).content.decode()
    assert MailMessage.objects.filter(kind="portal.reset", state="pending").count() == 1


def test_an_invitation_and_a_reset_arrive_once_and_open(
    market: Market, owner: Client, postbox: Postbox
) -> None:
    invite(owner)
    Client().post("/portal/reset/", {"email": market.owner.username})
    assert mailing.send_due(30) == 2
    assert mailing.send_due(30) == 0

    first, second = (message_from_bytes(raw, policy=default) for raw in postbox.got)
    assert (first["to"], first["subject"]) == (EMAIL, "Join Acme at AtlasPay")
    assert (second["to"], second["subject"]) == (market.owner.username, "Your password at AtlasPay")
    assert first["message-id"] != second["message-id"]
    assert first["auto-submitted"] == "auto-generated"
    assert "sent" in owner.get(MEMBERS).content.decode()
    for text in texts(postbox):
        link = link_in(text)
        assert Client().post(link, {"password": NEW, "again": NEW}).status_code == 302
        assert Client().get(link).status_code == 404
    assert Membership.objects.filter(user__username=EMAIL).exists()
    row = MailMessage.objects.get(kind="portal.invitation")
    assert (row.state, row.recipient, row.subject) == ("sent", EMAIL, "Join Acme at AtlasPay")


def test_a_deferred_mail_comes_later_with_the_same_link_and_id(
    owner: Client, postbox: Postbox
) -> None:
    invite(owner)
    postbox.data = "451 later"
    assert mailing.send_due(30) == 0
    due_again()
    postbox.data = ""
    assert mailing.send_due(30) == 1
    # As after a crash between the server's yes and our note of it.
    MailMessage.objects.update(state="pending", due_at=Now())
    assert mailing.send_due(30) == 1

    links = {link_in(text) for text in texts(postbox)}
    ids = {message_from_bytes(raw)["message-id"] for raw in postbox.got}
    assert (len(postbox.got), len(links), len(ids)) == (2, 1, 1)


def test_a_server_that_is_away_costs_no_mail(owner: Client, settings, postbox: Postbox) -> None:
    row = invite(owner)
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9  # nobody listens
    assert mailing.send_due(30) == 0
    row.refresh_from_db()
    assert (row.state, row.attempt_count) == ("pending", 0)
    settings.EMAIL_PORT = port
    due_again()
    assert mailing.send_due(30) == 1


def test_what_is_no_longer_true_is_not_sent(
    market: Market, owner: Client, postbox: Postbox
) -> None:
    row = invite(owner)
    invitations.withdraw(Invitation.objects.get(email=EMAIL))
    resets.ask(market.owner.username)
    MailMessage.objects.filter(kind="portal.reset").update(created_at=sql.now_plus(-3_700))

    assert mailing.send_due(30) == 0

    assert postbox.got == []
    assert set(MailMessage.objects.values_list("state", "last_error")) == {("failed", "obsolete")}
    row.refresh_from_db()
    assert row.recipient == ""


def test_who_was_suspended_gets_no_reset(market: Market, postbox: Postbox) -> None:
    resets.ask(market.owner.username)
    Membership.objects.filter(user=market.owner).update(suspended_at=clock.now())
    assert mailing.send_due(30) == 0
    assert postbox.got == []


def test_no_row_holds_a_link_and_the_seed_goes_with_the_mail(
    market: Market, owner: Client, postbox: Postbox
) -> None:
    invite(owner)
    Client().post("/portal/reset/", {"email": market.owner.username})
    before = rows_of_everything()
    mailing.send_due(30)
    after = rows_of_everything()
    for text in texts(postbox):
        token = link_in(text).rstrip("/").rpartition("/")[2]
        assert token not in before + after
        assert token.encode().hex() not in before + after
    one = Invitation.objects.get(email=EMAIL)
    assert one.seed is not None

    tidy()

    one.refresh_from_db()
    assert one.seed is None
    assert Client().get(link_in(texts(postbox)[0])).status_code == 200


def test_a_seed_is_kept_while_its_mail_waits_and_dropped_when_it_is_of_no_use(
    owner: Client, market: Market
) -> None:
    invite(owner)
    tidy()
    one = Invitation.objects.get(email=EMAIL)
    assert one.seed is not None
    with clock.frozen(clock.now() + timedelta(days=8)):
        tidy()
    one.refresh_from_db()
    assert one.seed is None


def test_a_refused_mail_leaves_the_link_with_the_owner(owner: Client, postbox: Postbox) -> None:
    invite(owner)
    one = Invitation.objects.get(email=EMAIL)
    url = f"{MEMBERS}invitations/{one.pk}/link/"
    early = owner.post(url, follow=True).content.decode()
    assert "in the mail" in early
    assert "/portal/invitation/" not in early
    postbox.rcpt[EMAIL] = "550 no such user"
    assert mailing.send_due(30) == 0
    assert "not taken" in owner.get(MEMBERS).content.decode()

    text = owner.post(url).content.decode()

    found = re.search(r"http://\S+?(/portal/invitation/[\w-]+/)", text)
    assert found
    assert Client().get(found[1]).status_code == 200
    assert django_mail.outbox == []


def test_a_link_is_shown_where_the_mail_server_stays_away(owner: Client) -> None:
    row = invite(owner)
    one = Invitation.objects.get(email=EMAIL)
    MailMessage.objects.filter(pk=row.pk).update(created_at=sql.now_plus(-150))
    page = owner.get(MEMBERS).content.decode()
    assert "Show the link" in page
    text = owner.post(f"{MEMBERS}invitations/{one.pk}/link/").content.decode()
    assert "/portal/invitation/" in text


def test_others_are_shown_no_link(market: Market, owner: Client) -> None:
    row = invite(owner)
    MailMessage.objects.filter(pk=row.pk).update(created_at=sql.now_plus(-150))
    one = Invitation.objects.get(email=EMAIL)
    for role in (Role.VIEWER, Role.OPERATOR, Role.DEVELOPER):
        answer = market.client(role).post(f"{MEMBERS}invitations/{one.pk}/link/")
        assert answer.status_code == 403


def test_a_link_that_was_printed_is_shown_nowhere_again(market: Market, owner: Client) -> None:
    assert market.invitation.seed is None
    answer = owner.post(f"{MEMBERS}invitations/{market.invitation.pk}/link/", follow=True)
    assert "opens nothing any more" in answer.content.decode()
    assert "handed over" in owner.get(MEMBERS).content.decode()
