"""Every address of the portal, found by itself: as a stranger, with another partner's ids, and as
every role. A new page is walked the day it is added.
"""

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from atlaspay.core.access.models import AccessEvent
from portal.models import Role
from portal.rights import Right, may
from tests.console.test_walk import tables
from tests.portal.conftest import Market
from tests.portal.people import LOGIN

pytestmark = pytest.mark.django_db

# Variable of an address -> the id of such a thing of a partner. A new kind needs a line.
VALUES: dict[str, Callable[[Market], object]] = {
    "batch_id": lambda market: market.batch.id,
    "delivery_id": lambda market: market.delivery.id,
    "endpoint_id": lambda market: market.endpoint.id,
    "event_id": lambda market: market.delivery.event_id,
    "key_id": lambda market: market.key.id,
    "payout_id": lambda market: market.payout.id,
    "invitation_id": lambda market: market.invitation.id,
    "membership_id": lambda market: market.membership.id,
    "upload_id": lambda market: market.upload.id,
    "token": lambda market: market.invitation_link.rstrip("/").rpartition("/")[2],
}
# What anybody may open: a form, or a link that was mailed.
DOOR = {"login", "code", "logout", "invitation", "reset", "reset-password"}
# Rows that say that somebody came or was refused, and nothing of the business.
NO_BUSINESS = {"core_accessevent", "django_session"}


def patterns() -> Iterator[URLPattern]:
    """Yield every address below /portal/."""

    def walk(found: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
        for one in found:
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns)
            else:
                yield one

    root = next(
        one for one in get_resolver().url_patterns if getattr(one, "app_name", "") == "portal"
    )
    assert isinstance(root, URLResolver)
    yield from walk(root.url_patterns)


def address(pattern: URLPattern, market: Market) -> str:
    """Return the address with a partner's ids."""
    names = pattern.pattern.converters
    missing = set(names) - set(VALUES)
    assert not missing, f"{pattern.name}: tell VALUES what {missing} may stand for"
    return reverse(f"portal:{pattern.name}", kwargs={name: VALUES[name](market) for name in names})


def guards() -> list[tuple[URLPattern, dict[str, Right | None]]]:
    """Return every address that is not the door's, with the rights it asks for."""
    return [(one, one.callback.rights) for one in patterns() if one.name not in DOOR]


def test_every_view_is_guarded_or_of_the_door() -> None:
    found = list(patterns())
    assert len({one.name for one in found}) == len(found) > 5
    for one in found:
        assert hasattr(one.callback, "rights"), f"{one.name} has neither @page nor @at_the_door"
        assert (one.callback.rights is None) == (one.name in DOOR), one.name
    for one, rights in guards():
        assert any(rights.values()), f"{one.name} takes no method"


def test_a_stranger_is_shown_the_door_everywhere(market: Market) -> None:
    client, before = Client(), tables()
    for one, _ in guards():
        for method in (client.get, client.post):
            answer = method(address(one, market))
            assert answer.status_code == 302, one.name
            assert answer.url.startswith(LOGIN), one.name

    assert tables() == before


def test_what_is_another_partners_is_not_there(market: Market, other: Market) -> None:
    client = market.client(Role.OWNER)
    before = changes_of_business()
    walked = 0
    for one, rights in guards():
        if not one.pattern.converters:
            continue
        url = address(one, other)
        for method, right in ((client.get, rights["read"]), (client.post, rights["change"])):
            walked += 1
            answer = method(url)
            assert answer.status_code == (404 if right else 405), (one.name, url)
            shown = answer.content.decode()
            for secret in (other.partner.name, other.partner.id, other.owner.email):
                assert secret not in shown, one.name

    assert changes_of_business() == before


def test_pages_without_an_id_show_nothing_of_another_partner(market: Market, other: Market) -> None:
    client = market.client(Role.OWNER)
    for one, rights in guards():
        if one.pattern.converters or not rights["read"]:
            continue
        answer = client.get(address(one, market), follow=True)
        assert answer.status_code == 200, one.name
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        for secret in (
            *(other.partner.name, other.partner.id, other.owner.email, other.batch.id),
            *(other.payout.id, other.payout.reference, other.key.id, other.endpoint.id),
        ):
            assert secret not in content.decode(), (one.name, secret)


@pytest.mark.parametrize("role", Role.values)
def test_each_role_opens_what_the_table_gives_it_and_no_more(market: Market, role: str) -> None:
    client = market.client(role)
    before = changes_of_business()
    refused = 0
    for one, rights in guards():
        url = address(one, market)
        read, change = rights["read"], rights["change"]
        expected = 405 if read is None else 200 if may(role, read) else 403
        status = client.get(url, follow=expected == 200).status_code
        assert status == expected, (one.name, role)
        refused += status == 403
        if change is None:
            assert client.post(url).status_code == 405, (one.name, role)
        elif not may(role, change):
            assert client.post(url, {"confirm": "yes"}).status_code == 403, (one.name, role)
            refused += 1

    assert changes_of_business() == before
    assert AccessEvent.objects.filter(kind="refused").count() == refused


def test_an_owner_may_whatever_the_table_names() -> None:
    assert all(may(Role.OWNER, right) for right in Right)
    assert not any(may("nobody", right) for right in Right)
    assert [right for right in Right if may(Role.VIEWER, right)] == [Right.READ, Right.OWN]
    assert not may(Role.DEVELOPER, Right.PAYOUTS)
    assert not may(Role.OPERATOR, Right.KEYS)


def test_a_form_without_its_token_changes_nothing(market: Market) -> None:
    client = market.client(Role.OWNER)
    client.handler.enforce_csrf_checks = True
    before = changes_of_business()
    for one, rights in guards():
        if rights["change"]:
            assert client.post(address(one, market)).status_code == 403, one.name

    assert changes_of_business() == before


def changes_of_business() -> dict[str, str]:
    """Return a digest of every table that is not about who came."""
    return {name: digest for name, digest in tables().items() if name not in NO_BUSINESS}
