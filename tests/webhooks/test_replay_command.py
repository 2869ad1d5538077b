"""`replay_webhooks`: what failed goes out again; what cannot is said in one line."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.webhooks.factories import emit, make_endpoint
from webhooks import services
from webhooks.delivery.loop import run_deliveries
from webhooks.models import Delivery

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("replay_webhooks", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture
def endpoint(receiver):
    """Return an endpoint with two exhausted deliveries and a delivered one."""
    made = make_endpoint(receiver.url + "/ok")
    for _ in range(3):
        emit(made.partner)
    run_deliveries()
    ids = list(Delivery.objects.order_by("id").values_list("id", flat=True))
    Delivery.objects.filter(id__in=ids[:2]).update(state="exhausted", step=12, attempt_count=12)
    receiver.got.clear()
    return made


def test_exhausted_deliveries_are_sent_again(endpoint, receiver):
    assert run("--endpoint", endpoint.id, "--dry-run") == "2 deliveries would be sent again."
    assert Delivery.objects.filter(state="exhausted").count() == 2
    report = json.loads(run("--endpoint", endpoint.id, "--json"))
    assert (report["count"], report["dry_run"]) == (2, False)
    run_deliveries()
    assert [got.headers["webhook-attempt"] for got in receiver.got] == ["13", "13"]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert run("--endpoint", endpoint.id) == "0 deliveries are due again."


def test_states_and_a_start_may_be_chosen(endpoint):
    assert json.loads(
        run("--endpoint", endpoint.id, "--state", "delivered", "--dry-run", "--json")
    )["count"] == 1  # fmt: skip
    assert json.loads(
        run("--endpoint", endpoint.id, "--since", "2099-01-01T00:00:00Z", "--dry-run", "--json")
    )["count"] == 0  # fmt: skip


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-11-22", "2026-11-22T10:00:00", "2026-13-01T0Z"]
)
def test_a_start_without_an_offset_is_refused(endpoint, text):
    with pytest.raises(CommandError, match="--since"):
        run("--endpoint", endpoint.id, "--since", text)
    assert Delivery.objects.filter(state="exhausted").count() == 2


def test_unknown_and_disabled_endpoints_are_refused(endpoint):
    with pytest.raises(CommandError, match="no such endpoint"):
        run("--endpoint", "we_x")
    services.update_endpoint(endpoint.partner_id, endpoint.id, {"status": "disabled"})
    with pytest.raises(CommandError, match="disabled"):
        run("--endpoint", endpoint.id, "--dry-run")
    assert Delivery.objects.filter(state="exhausted").count() == 2
