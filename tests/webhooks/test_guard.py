"""Where webhooks may not go: addresses in every notation, and names that change their mind."""

# ruff: noqa: S104 - addresses that are refused, not bound

import asyncio
import socket

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from atlaspay.core import fanout
from webhooks import guard
from webhooks.delivery.result import name_error

DENIED = [
    # IPv4
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254",
    "127.0.0.1", "127.255.255.254", "169.254.169.254", "169.254.170.2", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "168.63.129.16",
    # IPv6
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1",
    # not addresses
    "", "localhost", "127.1", "0x7f000001", "1.2.3.4.5",
]  # fmt: skip
ALLOWED = ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "100.128.0.1",
           "169.253.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e"]  # fmt: skip


@pytest.mark.parametrize("address", DENIED)
def test_an_address_that_is_not_public_is_denied(address):
    assert not guard.is_reachable(address, allow_private=False)


@pytest.mark.parametrize("address", ALLOWED)
def test_a_public_address_is_allowed(address):
    assert guard.is_reachable(address, allow_private=False)


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("127.0.0.1", True), ("10.1.2.3", True), ("192.168.0.9", True), ("::1", True),
        ("fd00::1", True), ("8.8.8.8", True), ("169.254.169.254", False), ("fe80::1", False),
        ("168.63.129.16", False), ("224.0.0.1", False), ("0.0.0.0", False),
        ("::ffff:127.0.0.1", False),
    ],
)  # fmt: skip
def test_the_demo_reaches_private_networks_but_no_cloud_metadata(address, answer):
    assert guard.is_reachable(address, allow_private=True) is answer


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://shop.example/hooks", "url_not_https"),
        ("ftp://shop.example/hooks", "url_malformed"),
        ("shop.example/hooks", "url_malformed"),
        ("https:///hooks", "url_malformed"),
        ("https://", "url_malformed"),
        ("https://[::1", "url_malformed"),
        ("https://shop.example:99999/", "url_malformed"),
        ("https://shop.example/a b", "url_malformed"),
        ("https://shop.example/\n", "url_malformed"),
        ("https://shop.example\\@evil.example/", "url_malformed"),
        ("https://\uff11\uff12\uff17.0.0.1/", "url_malformed"),
        ("https://münchen.example/", "url_malformed"),
        ("https://user@shop.example/", "url_userinfo"),
        ("https://user:pass@shop.example/", "url_userinfo"),
        ("https://shop.example/#top", "url_fragment"),
        ("https://shop.example:8080/", "url_port"),
        ("https://shop.example:0/", "url_port"),
        ("https://127.0.0.1/", "url_ip_literal"),
        ("https://127.1/", "url_ip_literal"),
        ("https://2130706433/", "url_ip_literal"),
        ("https://0x7f000001/", "url_ip_literal"),
        ("https://0x7f.1/", "url_ip_literal"),
        ("https://017700000001/", "url_ip_literal"),
        ("https://8.8.8.8/", "url_ip_literal"),
        ("https://127.0.0.1./", "url_ip_literal"),
        ("https://[::1]/", "url_ip_literal"),
        ("https://[::ffff:127.0.0.1]/", "url_ip_literal"),
        ("https://localhost/", "url_host"),
        ("https://LOCALHOST/", "url_host"),
        ("https://localhost./", "url_host"),
        ("https://db.internal/", "url_host"),
        ("https://printer.local/", "url_host"),
        ("https://a..example/", "url_host"),
        ("https://-a.example/", "url_host"),
        ("https://shop/", "url_host"),
        ("https://shop.example/" + "a" * 500, "url_too_long"),
    ],
)
def test_a_url_that_cannot_be_an_endpoint_is_refused_by_name(url, code):
    faults = guard.url_faults(url, allow_private=False)
    assert code in [fault["code"] for fault in faults]
    assert {fault["pointer"] for fault in faults} == {"/url"}


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/hooks",
        "https://shop.example:8443/hooks?x=1",
        "https://hooks.eu-1.shop.example.",
        "https://xn--mnchen-3ya.example/",
        "https://1shop.example/",
    ],
)
def test_a_public_https_url_is_taken(url):
    assert guard.url_faults(url, allow_private=False) == []


def test_the_demo_takes_loopback_over_http():
    assert guard.url_faults("http://127.0.0.1:8200/hooks", allow_private=True) == []
    assert guard.url_faults("http://u:p@127.0.0.1/", allow_private=True) != []


class Rebinding(AbstractResolver):
    """Answers with a public address first, and with loopback from the second time on."""

    def __init__(self, port: int) -> None:
        self.port, self.asked = port, 0

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked += 1
        address = "192.88.100.1" if self.asked == 1 else "127.0.0.1"
        return [
            {"hostname": host, "host": address, "port": self.port, "family": socket.AF_INET,
             "proto": 0, "flags": 0}
        ]  # fmt: skip

    async def close(self):
        return None


def test_a_name_that_is_rebound_to_loopback_is_refused_at_the_connect(receiver, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    port = int(receiver.url.rpartition(":")[2])

    async def call():
        resolver = Rebinding(port)
        first = await resolver.resolve("rebind.example")
        assert guard.is_reachable(first[0]["host"], allow_private=False)
        connector = aiohttp.TCPConnector(
            resolver=resolver, socket_factory=guard.open_socket, use_dns_cache=False
        )
        async with aiohttp.ClientSession(connector=connector) as session:
            try:
                async with session.post("http://rebind.example/ok"):
                    return None
            except aiohttp.ClientError as error:
                return error

    error = fanout.submit(call()).result(10)
    assert name_error(error)[0] == "address_refused"
    assert receiver.got == []


def test_of_two_addresses_only_the_public_one_is_tried(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443))
    with pytest.raises(guard.AddressRefusedError):
        guard.open_socket(info)
    with guard.open_socket((*info[:4], ("8.8.8.8", 443))) as made:
        assert made.family == socket.AF_INET
    assert issubclass(guard.AddressRefusedError, OSError)
    assert asyncio.iscoroutinefunction(Rebinding(1).resolve)
