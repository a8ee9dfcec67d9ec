"""Nothing leaves the site but to checked public addresses, or to pairs the operator lists.

No test here reaches another machine: names are resolved by stubs, and connections are
opened by a recorder or stay on loopback.
"""

import asyncio
import random
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import (
    AddressDenied,
    BodyTooLarge,
    EncodingRefused,
    OutboundRefused,
    RedirectRefused,
)
from core.network import (
    GuardedBackend,
    GuardedClient,
    GuardedTransport,
    check_url,
    is_public,
)
from tests.fake_llm import FakeLLM

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


def resolver_of(*answers):
    """A resolver that gives these lists of addresses one after the other."""
    left = list(answers)

    async def resolve(host, port):
        answer = left.pop(0) if len(left) > 1 else left[0]
        if answer is None:
            raise socket.gaierror
        return [ip_address(text) for text in answer]

    return resolve


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


def get(url, **kwargs):
    async def send():
        async with GuardedClient() as client:
            return await client.get(url, **kwargs)

    return asyncio.run(send())


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


@pytest.mark.fault("A-SSRF-4", "F45")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_redirects_are_not_followed(fake_llm, settings, status):
    with FakeLLM() as other:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", other.port))
        fake_llm.answers(mode="redirect", status=status, location=other.address)

        with pytest.raises(RedirectRefused):
            get(f"{fake_llm.address}/models", follow_redirects=True)

        assert other.requests == []
    assert len(fake_llm.requests) == 1


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


@pytest.mark.fault("A-SSRF-8")
def test_a_denied_address_is_refused_in_the_same_words_whatever_is_there(fake_llm):
    open_port, closed_port = fake_llm.port, 9
    said = set()
    for port in (open_port, closed_port):
        for url in (f"https://127.0.0.1:{port}/", "https://localhost/"):
            with pytest.raises(AddressDenied) as caught:
                get(url.replace("127.0.0.1", "127.0.0.2"))
            said.add(caught.value.message)

    assert len(said) == 1
    assert fake_llm.requests == []


def test_proxies_from_the_environment_are_not_used(fake_llm, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert get(f"{fake_llm.address}/models").status_code == 200


@pytest.mark.fault("F43")
def test_a_body_past_the_limit_is_cut_off(fake_llm, settings):
    settings.LLM_MAX_BODY_BYTES = 100_000
    fake_llm.answers(mode="noise")

    with pytest.raises(BodyTooLarge):
        asyncio.run(post_chat(fake_llm))

    fake_llm.wait_for(ended="client closed")


@pytest.mark.fault("F43")
def test_a_body_that_announces_too_much_is_not_read(fake_llm, settings):
    settings.LLM_MAX_BODY_BYTES = 10

    with pytest.raises(BodyTooLarge):
        get(f"{fake_llm.address}/models")


@pytest.mark.fault("F43")
def test_a_compressed_answer_is_refused(fake_llm):
    fake_llm.answers(mode="gzip")

    with pytest.raises(EncodingRefused):
        asyncio.run(post_chat(fake_llm))

    assert fake_llm.requests[0].headers["accept-encoding"] == "identity"


async def post_chat(fake_llm):
    async with asyncio.timeout(30), GuardedClient() as client:
        return await client.post(
            f"{fake_llm.address}/chat/completions", json={"stream": True}
        )


def test_cookies_are_not_kept(fake_llm):
    async def call_twice():
        async with GuardedClient() as client:
            for _ in range(2):
                answer = await client.get(f"{fake_llm.address}/models")
                assert "session" in answer.headers["Set-Cookie"]

    asyncio.run(call_twice())

    assert ["cookie" in seen.headers for seen in fake_llm.requests] == [False, False]


def test_names_of_one_address_share_no_connection(fake_llm, settings):
    settings.LLM_PRIVATE_HOSTS = [
        (name, fake_llm.port) for name in ("one.example", "two.example")
    ]
    opened = []

    class Opener(httpcore.AnyIOBackend):
        async def connect_tcp(self, host, port, *args, **kwargs):
            opened.append(host)
            return await super().connect_tcp(host, port, *args, **kwargs)

    async def call():
        backend = GuardedBackend(resolver_of(["127.0.0.1"]), Opener())
        async with GuardedClient(GuardedTransport(backend)) as client:
            for name in ("one.example", "one.example", "two.example"):
                await client.get(f"http://{name}:{fake_llm.port}/v1/models")

    asyncio.run(call())

    assert len(opened) == 2
    assert [seen.headers["host"].split(":")[0] for seen in fake_llm.requests] == [
        "one.example",
        "one.example",
        "two.example",
    ]


def test_tls_proves_the_name_and_not_the_address(settings, tmp_path):
    served = TLSServer(tmp_path)
    settings.LLM_PRIVATE_HOSTS = [("llm.example", served.port)]

    async def call():
        backend = GuardedBackend(resolver_of(["127.0.0.1"]))
        async with GuardedClient(GuardedTransport(backend)) as client:
            await client.get(f"https://llm.example:{served.port}/")

    with served, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(call())

    assert served.names == ["llm.example"]


class TLSServer:
    """Takes one connection, with a certificate that nobody vouches for."""

    def __init__(self, folder):
        self.names = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(write_certificate(folder))
        context.sni_callback = lambda _, name, __: self.names.append(name)
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        connection, _ = self._socket.accept()
        try:
            self._context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._thread.join(10)
        self._socket.close()


def write_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "llm.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
