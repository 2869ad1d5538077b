"""Every notation of an address that is not public, and names that lead to one: refused as the
connection is made, whatever was registered.
"""

# ruff: noqa: S104 - addresses that are refused, not bound

import socket

import aiohttp
import pytest
from yarl import URL

from atlaspay.core import fanout
from tests.webhooks.test_guard import DENIED
from webhooks.delivery import call
from webhooks.delivery.call import Answer

NOTATIONS = [
    "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1",
    "0x7f.0x0.0x0.0x1", "017700000001", "0177.0.0.1", "0177.1", "127.0.0.1.", "localhost",
    "LOCALHOST", "localhost.", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]",
    "[fe80::1]", "[fec0::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[2001:db8::1]",
    "10.0.0.1", "0xa.1", "167772161", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "100.64.0.1", "168.63.129.16", "192.0.0.1",
    "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.88.99.1", "203.0.113.7",
    "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::a9fe:a9fe]", "[3fff::1]",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _outside_the_demo(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False


def post(url: str) -> Answer:
    fan = fanout.current()
    sent = call.post(fan, URL(url), body=b"{}", headers={}, deadline_s=5.0)
    return fan.submit(sent).result(30)


@pytest.mark.parametrize("host", NOTATIONS)
def test_no_notation_of_an_inner_address_is_connected_to(host, receiver):
    port = receiver.url.rpartition(":")[2]
    answer = post(f"http://{host}:{port}/ok")
    # Some notations are no host name to the resolver; none may come through.
    assert answer.http_status is None
    assert answer.error in {"address_refused", "dns", "bad_http"}, answer
    assert receiver.got == []


def test_most_notations_are_refused_as_addresses_and_not_by_luck(receiver):
    errors = [post(f"http://{host}:9/").error for host in NOTATIONS]
    assert len(NOTATIONS) >= 40
    assert errors.count("address_refused") >= 40


@pytest.mark.parametrize("address", [one for one in DENIED if ":" in one or one.count(".") == 3])
def test_a_name_that_leads_to_one_is_not_connected_to(address, monkeypatch, receiver):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    async def lead(self, host, port=0, family_=socket.AF_UNSPEC):
        return [
            {"hostname": host, "host": address, "port": port, "family": family, "proto": 0,
             "flags": socket.AI_NUMERICHOST}
        ]  # fmt: skip

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", lead)
    name = "".join(letter if letter.isalnum() else "-" for letter in address)
    port = receiver.url.rpartition(":")[2]
    answer = post(f"http://a{name}z.example:{port}/ok")
    assert answer.http_status is None
    assert answer.error == "address_refused"
    assert receiver.got == []


def test_a_name_that_changes_its_mind_is_refused_at_the_next_connection(monkeypatch, receiver):
    """Public when it is registered, loopback when it is called: the connection is judged."""
    told = []

    async def rebind(self, host, port=0, family=socket.AF_UNSPEC):
        told.append(host)
        return [
            {"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET,
             "proto": 0, "flags": 0}
        ]  # fmt: skip

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", rebind)
    port = receiver.url.rpartition(":")[2]
    answer = post(f"http://rebind-{port}.example:{port}/ok")
    assert (answer.error, receiver.got) == ("address_refused", [])
    assert len(told) == 1
