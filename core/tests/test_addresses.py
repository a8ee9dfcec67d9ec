"""Whose word on a visitor's address is taken."""

from collections.abc import Callable

import pytest
from django.test import RequestFactory

from core import addresses
from core.addresses import address_of, neighbourhood, visitor

PROXY, FARTHER = "10.0.0.1", "10.1.2.3"

UNTRUSTED = {
    "the header of a stranger": ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
    "the header of a machine near by": ("127.0.0.1", "203.0.113.9", "127.0.0.1"),
}
TRUSTED = {
    "no header": (PROXY, "", PROXY),
    "one proxy": (PROXY, "203.0.113.9", "203.0.113.9"),
    "two proxies": (PROXY, f"203.0.113.9, {FARTHER}", "203.0.113.9"),
    "what the sender wrote before": (PROXY, "192.0.2.1, 203.0.113.9", "203.0.113.9"),
    "a stranger who names a proxy": (
        "198.51.100.7",
        f"203.0.113.9, {FARTHER}",
        "198.51.100.7",
    ),
    "only proxies": (PROXY, FARTHER, FARTHER),
    "no address": (PROXY, "203.0.113.9, nonsense", PROXY),
    "a port": (PROXY, "203.0.113.9:4711", "203.0.113.9"),
    "IPv6": (PROXY, "[2a00:1:2:3::9]:4711", "2a00:1:2:3::9"),
    "IPv4 in IPv6's clothes": ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
    "a unix socket": ("", "203.0.113.9", "203.0.113.9"),
}


@pytest.mark.fault("A-RATE-2")
@pytest.mark.parametrize(("peer", "header", "found"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_a_header_is_not_believed_without_a_proxy(peer, header, found):
    assert visitor(peer, header) == found


@pytest.mark.fault("A-RATE-2")
@pytest.mark.parametrize(("peer", "header", "found"), TRUSTED.values(), ids=TRUSTED)
def test_a_header_is_believed_as_far_as_our_proxies_vouch(
    settings, peer, header, found
):
    settings.TRUSTED_PROXIES = [PROXY, "10.1.0.0/16"]

    assert visitor(peer, header) == found


@pytest.mark.requirement("R-95")
@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2a00:1:2:3::9", "2a00:1:2:3::/64"),
        ("2a00:1:2:3:ffff::1", "2a00:1:2:3::/64"),
        ("", ""),
    ],
)
def test_the_addresses_of_one_home_are_one_visitor(address, counted):
    assert neighbourhood(address) == counted


@pytest.fixture
def told(monkeypatch, caplog) -> Callable[..., list[str]]:
    """Have requests come from these peers; what the log says of it."""
    monkeypatch.setattr(addresses, "unbelieved", {})

    def come(*peers: str, header: str = "203.0.113.9") -> list[str]:
        caplog.clear()
        for peer in peers:
            request = RequestFactory().get("/", REMOTE_ADDR=peer)
            if header:
                request.META["HTTP_X_FORWARDED_FOR"] = header
            address_of(request)
        return [record.getMessage() for record in caplog.records]

    return come


def test_a_proxy_that_nobody_named_is_told_once(told):
    near = told("10.9.9.9", "10.9.9.8", "192.168.1.1")

    assert len(near) == 1
    assert (
        "a private network (10.9.9.9), which TRUSTED_PROXIES does not name" in near[0]
    )
    assert "Anybody can send this header" in near[0]
    assert len(told("127.0.0.1", "::1", "10.9.9.9", "")) == 2


def test_a_stranger_who_sends_the_header_fills_no_log_and_is_not_named(told):
    (line,) = told(*(f"8.8.{at}.8" for at in range(50)))

    assert "the public internet, which" in line
    assert "8.8." not in line


def test_a_proxy_that_was_named_and_a_visitor_without_one_are_not_told(told, settings):
    assert told("10.9.9.9", header="") == []
    settings.TRUSTED_PROXIES = ["10.9.9.9"]
    assert told("10.9.9.9", "") == []
