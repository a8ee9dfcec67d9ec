"""What a call through the guard takes of its answer: redirects, bodies, cookies, proof."""

import asyncio
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

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
    RedirectNotFollowed,
)
from core.network import GuardedBackend, GuardedClient, GuardedTransport
from core.tests.outbound import get, resolver_of
from tests.fake_llm import FakeLLM


@pytest.mark.fault("A-SSRF-4", "F45")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_redirects_are_not_followed(fake_llm, settings, status):
    with FakeLLM() as other:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", other.port))
        fake_llm.answers(mode="redirect", status=status, location=other.address)

        with pytest.raises(RedirectNotFollowed):
            get(f"{fake_llm.address}/models", follow_redirects=True)

        assert other.requests == []
    assert len(fake_llm.requests) == 1


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
