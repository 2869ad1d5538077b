"""Request ids, the log line, who acts, and that nothing of one request is left to the next."""

import logging
import re

import pytest
from django.contrib.auth import get_user_model
from simple_history.models import HistoricalRecords

from atlaspay.core import context
from tests.factories import ApiKeyFactory, api_client

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.core.probe_urls")]


@pytest.mark.parametrize("given", ["abc-123", "A.b_c:/d+e=", "x" * 64])
def test_a_safe_request_id_is_taken_over(given):
    response = api_client().get("/v1/echo", headers={"X-Request-Id": given})
    assert response["X-Request-Id"] == given
    assert response.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>", "é", 'a"b'])
def test_any_other_is_replaced(given):
    made = api_client().get("/v1/echo", headers={"X-Request-Id": given})["X-Request-Id"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_the_actor_is_the_key_and_gone_afterwards():
    client = api_client()
    body = client.get("/v1/echo").json()
    assert body["actor"] == f"key:{client.key.id}"
    assert body["partner_id"] == client.partner.id
    assert context.current() == context.Context()


def test_a_broken_request_leaves_nothing_behind_either():
    assert api_client().get("/v1/break/boom").status_code == 500
    assert context.current() == context.Context()


def test_one_log_line_without_the_query(caplog):
    caplog.set_level(logging.INFO, logger="atlaspay.access")
    client = api_client()
    client.get("/v1/echo?name=Jansen")
    (line,) = [r for r in caplog.records if r.name == "atlaspay.access"]
    assert (line.getMessage(), line.method, line.path, line.status, line.peer) == (
        "http.request",
        "GET",
        "/v1/echo",
        200,
        "127.0.0.1",
    )
    assert line.bytes > 0
    assert line.ms >= 0


def test_staff_act_under_their_name_in_the_console_only(web):
    user = get_user_model().objects.create_user("olga", is_staff=True)
    web.force_login(user)
    assert web.get("/console/who").json() == {"actor": "user:olga", "user_id": user.pk}
    assert not hasattr(HistoricalRecords.context, "request")
    assert context.current() == context.Context()


def test_history_names_the_member_of_staff(web):
    user = get_user_model().objects.create_user("olga", is_staff=True)
    key = ApiKeyFactory()
    web.force_login(user)
    assert web.get(f"/console/rename/{key.id}", headers={"X-Request-Id": "r-7"}).status_code == 200
    row = key.history.first()
    assert (row.history_user, row.actor, row.request_id) == (user, "user:olga", "r-7")


def test_history_knows_who_changed_a_key():
    key = ApiKeyFactory()
    with context.bind(actor="system:test", request_id="r-9"):
        key.name = "renamed"
        key.save()
    row = key.history.first()
    assert (row.actor, row.request_id, row.name, row.history_user) == (
        "system:test",
        "r-9",
        "renamed",
        None,
    )
