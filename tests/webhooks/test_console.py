"""Endpoints, events and deliveries in the console: read-only, and one button."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from tests.webhooks.factories import emit, make_endpoint
from webhooks import rollups, services
from webhooks.checks.loop import run_checks
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery, Event

pytestmark = pytest.mark.django_db


def staff(*codenames: str) -> Client:
    """Return a client of a staff user with these permissions."""
    user = User.objects.create_user("olga", password="x", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(content_type__app_label="webhooks", codename__in=codenames)
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def delivery(receiver) -> Delivery:
    """Return a delivery whose first attempt was answered 503."""
    endpoint = make_endpoint(receiver.url + "/status/503")
    emit(endpoint.partner)
    run_deliveries()
    return Delivery.objects.get()


def test_an_endpoints_page_tells_its_mode_its_checks_and_how_deliveries_went(receiver):
    endpoint = make_endpoint(receiver.url + "/ok")
    emit(endpoint.partner)
    run_deliveries()
    receiver.handlers["/careless"] = lambda headers, body: 200
    services.update_endpoint(endpoint.partner_id, endpoint.id, {"url": receiver.url + "/careless"})
    run_checks()
    rollups.roll_up()
    page = staff(*VIEW).get(reverse("admin:webhooks_endpoint_change", args=[endpoint.id]))
    text = page.content.decode()
    for words in (
        f"To move to {receiver.url}/careless when that has passed.",
        "Accepted a message signed with another key with 200.",
        "Not passed",
        "100.00%",
    ):
        assert words in text


VIEW = ("view_delivery", "view_endpoint", "view_event")


def test_pages_and_lists_are_shown_without_secrets(delivery):
    client = staff(*VIEW)
    for model, pk in (
        ("endpoint", delivery.endpoint_id),
        ("event", Event.objects.get().pk),
        ("delivery", delivery.pk),
    ):
        listed = client.get(reverse(f"admin:webhooks_{model}_changelist"))
        assert listed.status_code == 200
        page = client.get(reverse(f"admin:webhooks_{model}_change", args=[pk]))
        assert page.status_code == 200
        assert "whsec_" not in page.content.decode()
        assert "secret_sealed" not in page.content.decode()
        refused = client.post(reverse(f"admin:webhooks_{model}_change", args=[pk]), {})
        assert refused.status_code == 405
    assert (
        "Your server failed"
        in client.get(
            reverse("admin:webhooks_delivery_change", args=[delivery.pk])
        ).content.decode()
    )


def test_without_the_permission_nothing_is_retried(delivery):
    due_at = delivery.due_at
    client = staff(*VIEW)
    page = client.get(reverse("admin:webhooks_delivery_change", args=[delivery.pk]))
    assert "Retry…" not in page.content.decode()
    path = reverse("admin:webhooks_delivery_retry", args=[delivery.pk])
    assert client.post(path, {"reason": "because"}).status_code == 403
    delivery.refresh_from_db()
    assert (delivery.step, delivery.due_at) == (1, due_at)


def test_a_retry_needs_a_post_and_a_reason(delivery):
    client = staff(*VIEW, "retry_delivery")
    path = reverse("admin:webhooks_delivery_retry", args=[delivery.pk])
    assert client.get(path).status_code == 405
    assert client.post(path, {"reason": " "}).status_code == 302
    delivery.refresh_from_db()
    assert delivery.step == 1
    assert client.post(path, {"reason": "their server is back"}).status_code == 302
    delivery.refresh_from_db()
    assert (delivery.state, delivery.step) == ("pending", 0)
    missing = reverse("admin:webhooks_delivery_retry", args=["wd_none"])
    assert client.post(missing, {"reason": "x"}).status_code == 404


def test_lists_cost_few_queries(delivery, django_assert_max_num_queries):
    client = staff(*VIEW)
    path = reverse("admin:webhooks_delivery_changelist")
    client.get(path)
    with django_assert_max_num_queries(12):
        client.get(path)
