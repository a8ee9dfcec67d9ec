"""Nothing leaves the site but to checked public addresses, or to pairs the operator lists.

No test here reaches another machine: names are resolved by stubs, and connections are
opened by a recorder or stay on loopback.
"""

import asyncio
import random
import socket
from ipaddress import ip_address

import httpcore
import httpx
import pytest

from core.errors import AddressDenied, OutboundRefused
from core.network import GuardedBackend, GuardedTransport, check_url, is_public
from core.tests.outbound import resolver_of

PUBLIC = "93.184.215.14"


PRIVATE_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.5 100.64.0.1 100.100.100.200 127.0.0.1 127.8.8.8 168.63.129.16
169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
192.31.196.1 192.52.193.1 192.88.99.1 192.168.1.1 192.175.48.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::808:808 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808
64:ff9b:1::1 100::1 100:0:0:1::1 2001::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1
2002:7f00:1:: 2002:808:808:: 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254
fe80::1 fec0::1 ff02::1 ff0e::1 4000::1
""".split()


PUBLIC_ADDRESSES = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 93.184.215.14 100.63.255.255 100.128.0.1
126.255.255.255 128.0.0.1 169.253.255.255 172.15.255.255 172.32.0.1 192.0.1.1
192.167.255.255 198.17.255.255 198.20.0.1 223.255.255.255
2001:4860:4860::8888 2400:cb00::1 2606:4700::1111 2a00:1450:4001::1 2620:fe::fe
""".split()


class Recorder(httpcore.AsyncNetworkBackend):
    """Opens no connection, but remembers where to one was wanted."""

    def __init__(self):
        self.wanted = []

    async def connect_tcp(self, host, port, *args, **kwargs):
        self.wanted.append(host)
        raise httpcore.ConnectError("recorded")


async def resolve_numbers(host, port):
    """What the system makes of numbers in any spelling; asks no name server."""
    loop = asyncio.get_running_loop()
    rows = await loop.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
    return [ip_address(row[4][0]) for row in rows]


def wanted_by(urls, resolver):
    """The addresses that requests to `urls` would have connected to."""
    recorder = Recorder()

    async def send():
        transport = GuardedTransport(GuardedBackend(resolver, recorder))
        for url in urls:
            try:
                await transport.handle_async_request(httpx.Request("GET", url))
            except (OutboundRefused, httpx.HTTPError, httpx.InvalidURL):
                continue

    asyncio.run(send())
    return recorder.wanted


@pytest.mark.fault("A-SSRF-1")
@pytest.mark.parametrize("text", PRIVATE_ADDRESSES)
def test_is_public_denies_special_addresses(text):
    assert not is_public(ip_address(text))


@pytest.mark.fault("A-SSRF-1")
@pytest.mark.parametrize("text", PUBLIC_ADDRESSES)
def test_is_public_takes_public_addresses(text):
    assert is_public(ip_address(text))


@pytest.mark.fault("A-SSRF-1")
def test_connect_opens_nothing_to_a_name_of_a_special_address():
    answers = [[text] for text in PRIVATE_ADDRESSES]

    assert (
        wanted_by(["https://name.example/"] * len(answers), resolver_of(*answers)) == []
    )


def spellings(address):
    """Ways to write an IPv4 address that some parser somewhere takes."""
    a, b, c, d = (int(part) for part in address.split("."))
    number = (a << 24) + (b << 16) + (c << 8) + d
    formats = [
        "{}", "{:#x}", "{:#o}", "0{:o}", "000{:o}", "0x{:02X}", "0x0000{:x}", "{:03d}",
    ]  # fmt: skip
    yield from (form.format(number) for form in formats)
    yield from (f"{a}.{form.format(number & 0xFFFFFF)}" for form in formats)
    yield from (f"{a}.{b}.{form.format(number & 0xFFFF)}" for form in formats)
    for first in formats:
        for second in formats:
            yield f"{first.format(a)}.{second.format(b)}.{c}.{first.format(d)}"
    for digits in ("０１２３４５６７８９", "⓪①②③④⑤⑥⑦⑧⑨", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "٠١٢٣٤٥٦٧٨٩"):
        yield address.translate(str.maketrans("0123456789", digits))
    for dot in "。．｡․":
        yield address.replace(".", dot)
        yield f"{a}.{b}{dot}{c}.{d}"
    yield from (
        f"{address}.",
        f"{address}..",
        f"{address}%00",
        f"{address}%00.x.example",
    )
    yield from (f"[::ffff:{address}]", f"[::{address}]", f"[64:ff9b::{address}]")
    yield f"[2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1]"
    yield from (f"%{ord(str(a)[0]):02x}{address[1:]}", f"{address}%2e", f" {address}")


TARGETS = [
    "127.0.0.1",
    "10.0.0.5",
    "169.254.169.254",
    "192.168.1.1",
    "172.16.0.1",
    "100.100.100.200",
    "0.0.0.0",
    "192.0.0.192",
]


@pytest.mark.fault("A-SSRF-2")
@pytest.mark.parametrize("target", TARGETS)
def test_connect_opens_nothing_however_the_address_is_spelt(target):
    urls = [
        f"https://{host}{rest}"
        for host in spellings(target)
        for rest in ("/", ":80/", ":443/v1", "?x#y")
    ]

    wanted = wanted_by(urls, resolve_numbers)

    assert len(urls) >= 350
    assert [text for text in wanted if not is_public(ip_address(text))] == []


@pytest.mark.fault("A-SSRF-3")
@pytest.mark.parametrize(
    "url",
    [
        "https://good.example\\@127.0.0.1/",
        "https://127.0.0.1\\@good.example/",
        "https://good.example#@127.0.0.1/",
        "https://good.example@127.0.0.1/",
        "https://user:word@127.0.0.1/",
        "https://127.0.0.1:443@127.0.0.1/",
        "https:127.0.0.1/",
        "https:/127.0.0.1/",
        "https:///127.0.0.1/",
        "//127.0.0.1/",
        "https://127.0.0.1\t/",
        "https://127.0\n.0.1/",
        "https://[fe80::1%25lo]/",
        "https://[::1%25lo]/",
        "https://[::1]/",
        "https://[::]/",
        "https://127.0.0.1 good.example/",
        "https://good.example,127.0.0.1/",
    ],
)
def test_connect_opens_nothing_where_parsers_disagree(url):
    wanted = wanted_by([url], resolve_numbers)

    assert wanted == []


@pytest.mark.fault("A-SSRF-5")
def test_connect_goes_to_the_checked_address_when_the_name_changes():
    rng = random.Random(5)  # the same sequence each time
    answers = [
        rng.choice([[PUBLIC], ["127.0.0.1"], [PUBLIC, "10.0.0.5"], None])
        for _ in range(1200)
    ]

    wanted = wanted_by(["https://name.example/"] * 1200, resolver_of(*answers, None))

    assert wanted == [PUBLIC for answer in answers if answer == [PUBLIC]]


@pytest.mark.fault("A-SSRF-5")
def test_connect_asks_for_the_name_once():
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return [ip_address(PUBLIC)]

    wanted = wanted_by(["https://name.example/"], resolve)

    assert (asked, wanted) == (["name.example"], [PUBLIC])


@pytest.mark.fault("A-SSRF-6")
@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("http://10.0.0.5:22/", ["10.0.0.5"]),
        ("http://10.0.0.6:11434/", ["10.0.0.6"]),
        ("http://other.example:11434/", ["10.0.0.5"]),
        ("http://10.0.5:11434/", ["10.0.0.5"]),
        ("http://167772165:11434/", ["10.0.0.5"]),
        ("http://10.0.0.5.:11434/", ["10.0.0.5"]),
        ("http://[::ffff:10.0.0.5]:11434/", ["::ffff:10.0.0.5"]),
        ("https://10.0.0.5/", ["10.0.0.5"]),
        # A listed name switches no check off.
        ("http://llm.example:11434/", ["169.254.169.254"]),
        ("http://llm.example:11434/", ["100.100.100.200"]),
        ("http://llm.example:11434/", ["fd00:ec2::254"]),
        ("http://llm.example:11434/", ["10.0.0.7", "169.254.169.254"]),
        ("http://llm.example:11434/", ["224.0.0.1"]),
    ],
)
def test_a_listed_pair_allows_nothing_else(settings, url, names):
    settings.LLM_PRIVATE_HOSTS = [("10.0.0.5", 11434), ("llm.example", 11434)]

    assert wanted_by([url], resolver_of(names)) == []


@pytest.mark.fault("A-SSRF-6")
@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://10.0.0.5:11434/", "10.0.0.5"),
        ("http://LLM.example:11434/", "10.0.0.7"),
        ("https://llm.example:11434/", "fd12::1"),
    ],
)
def test_a_listed_pair_is_called(settings, url, name):
    settings.LLM_PRIVATE_HOSTS = [("10.0.0.5", 11434), ("llm.example", 11434)]

    assert wanted_by([url], resolver_of([name])) == [name]


@pytest.mark.fault("A-SSRF-7")
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "gopher://name.example/",
        "ftp://name.example/",
        "dict://name.example:11211/",
        "ldap://name.example/",
        "jar:https://name.example/",
        "data:text/plain,x",
        "unix:///run/x.sock",
        "http+unix://%2Frun%2Fx.sock/",
        "ws://name.example/",
        "javascript:x",
        "http://name.example/",  # without TLS
        "HTTP://name.example/",
        "https://name.example:22/",
        "https://name.example:8443/",
        "https://user@name.example/",
        "https://",
        "name.example",
        "",
    ],
)
def test_check_url_refuses(url):
    with pytest.raises(AddressDenied):
        check_url(url)

    assert wanted_by([url], resolver_of([PUBLIC])) == []


@pytest.mark.parametrize("url", ["https://xn--a/", "https://xn--/"])
def test_check_url_refuses_a_name_that_cannot_be_decoded(url):
    with pytest.raises(AddressDenied):
        check_url(url)


@pytest.mark.fault("A-SSRF-7")
def test_check_url_takes_https_on_its_ports():
    for url in (
        "https://name.example/v1",
        "HTTPS://Name.Example:443",
        "https://x.y:80",
    ):
        assert check_url(url).scheme == "https"


@pytest.mark.fault("A-SSRF-7")
def test_unix_sockets_are_refused():
    with pytest.raises(AddressDenied):
        asyncio.run(GuardedBackend().connect_unix_socket("/run/x.sock"))
