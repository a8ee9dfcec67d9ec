"""The web server as it runs, and what is asked of it by those who mean harm."""

import asyncio
import socket
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import redis
from uvicorn import Config
from uvicorn.server import ServerState

from forllm import asgi, bodies
from forllm.asgi import application
from forllm.connections import MAX_SILENT, Protocol

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/accounts/login/"
BLANK = {"http_version": "1.1", "query_string": b""}


def open_form(web: str, *, length: int) -> socket.socket:
    """A connection on which a form was announced, and its first byte sent."""
    place = urlsplit(web)
    connection = socket.create_connection((place.hostname, place.port), timeout=60)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {length}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\na"
    )
    connection.sendall(head.encode())
    return connection


def answer_to(receive, *headers: tuple[bytes, bytes], **scope: Any) -> int:
    """The status that the application gives to a request with this `receive`."""
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    request = {"type": "http", "method": "POST", "path": PATH, "headers": list(headers)}
    asyncio.run(application(BLANK | request | scope, receive, send))
    return sent[0]["status"]


def test_slow_senders_keep_nobody_waiting(web, settings):
    httpx.get(f"{web}{PATH}", timeout=60)  # what is loaded for it is loaded
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(open_form(web, length=1000))
        time.sleep(0.5)

        # Sooner than the slow ones are given up, which would let it through as well.
        patience = settings.MAX_REQUEST_TIME.total_seconds() - 1
        assert httpx.get(f"{web}{PATH}", timeout=patience).status_code == 200


def test_a_form_that_is_too_large_is_refused_before_it_is_sent(web):
    with open_form(web, length=40_000_000) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_form_arrives_whole_at_the_pages(web):
    text = "x" * 300_000
    with httpx.Client(base_url=web, timeout=60) as browser:
        browser.get(PATH)
        form = {"csrfmiddlewaretoken": browser.cookies["csrf"], "login": "a", "n": text}
        page = browser.post(PATH, data=form)

    assert page.status_code == 200
    assert "Enter a valid email" in page.text


def test_four_pictures_of_eight_megabytes_arrive(web):
    pictures = {f"image-{row}": ("a.jpg", bytes(8 * 1024 * 1024)) for row in range(4)}
    with httpx.Client(base_url=web, timeout=60) as browser:
        browser.get(PATH)
        form = {"csrfmiddlewaretoken": browser.cookies["csrf"], "login": "a"}
        page = browser.post(PATH, data=form, files=pictures)

    assert page.status_code == 200
    assert "Enter a valid email" in page.text


def test_a_large_form_has_time_to_arrive(settings):
    settings.MAX_REQUEST_TIME = timedelta(seconds=0.05)
    settings.SLOWEST_BYTES_PER_SECOND = 1
    settings.MAX_REQUEST_BYTES = 10

    async def receive() -> dict:
        await asyncio.sleep(0.2)
        return {"type": "http.request", "body": b"x" * 11}  # counted, so it was read

    assert answer_to(receive, (b"content-length", b"10")) == 413


def test_a_body_without_announced_length_is_counted():
    async def receive() -> dict:
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    assert answer_to(receive) == 413


@pytest.mark.parametrize(
    ("limit", "senders"),
    [
        ("MOST_WAITING_BYTES", ["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        ("MOST_WAITING_BYTES_OF_ONE", ["192.0.2.4"] * 3),
    ],
    ids=["together", "of-one"],
)
def test_large_bodies_that_wait_have_an_end(monkeypatch, limit, senders):
    """Three stop half-way; the fourth is sent away until they have left."""
    monkeypatch.setattr(bodies, limit, 3_500_000)
    arrived: list[bytes] = []

    async def site(scope: dict, receive, send) -> None:
        has_more = True
        while has_more:
            message = await receive()
            arrived.append(message["body"])
            has_more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    monkeypatch.setattr(asgi, "live", site)
    half = bytes(range(250)) * 4_000

    async def sent(sender: str, stops: asyncio.Event | None = None) -> list[dict]:
        pieces, answers = [half[:500_000], half[500_000:]], []

        async def receive() -> dict:
            if pieces:
                more = stops is not None or len(pieces) > 1
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": more}
            if stops is not None:
                stops.set()
            return await asyncio.get_running_loop().create_future()

        async def send(message: dict) -> None:
            answers.append(message)

        scope = {"type": "http", "path": "/live/", "headers": []}
        await application(scope | {"client": [sender, 1]}, receive, send)
        return answers

    async def run() -> tuple[list[dict], list[dict]]:
        stopped = [asyncio.Event() for _ in senders]
        slow = [
            asyncio.create_task(sent(*it)) for it in zip(senders, stopped, strict=True)
        ]
        for it in stopped:
            await it.wait()
        refused = await sent("192.0.2.4")
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return refused, await sent("192.0.2.4")

    refused, taken = asyncio.run(run())

    assert refused[0]["status"] == 503
    assert (b"retry-after", b"20") in refused[0]["headers"]
    assert "Many pictures" in refused[1]["body"].decode()
    assert taken[0]["status"] == 200
    assert b"".join(arrived) == half


def test_a_body_that_does_not_arrive_is_given_up(settings):
    settings.MAX_REQUEST_TIME = timedelta(seconds=0.05)

    async def receive() -> dict:
        return await asyncio.get_running_loop().create_future()

    assert answer_to(receive) == 408


async def hello(scope: dict, receive, send) -> None:
    """A site whose pages say hello, `/slow` after a while."""
    await asyncio.sleep(0.5 if scope["path"] == "/slow" else 0)
    headers = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


def with_server(visit) -> None:
    """Run `visit(connect)` beside a server; `connect` opens a connection to it."""

    async def run() -> None:
        config, state = Config(hello, timeout_keep_alive=60), ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Protocol(config, state, {}), "127.0.0.1"
        )
        place = server.sockets[0].getsockname()
        try:
            async with asyncio.timeout(60):
                await visit(lambda: asyncio.open_connection(*place))
        finally:
            server.close()

    asyncio.run(run())


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SILENCES = {
    "nothing": [b""],
    "half the headers": [b"GET / HTTP/1.1\r\nHost:"],
    "a little at a time": [b"GET", b" / ", b"HTT"],
    "half of a second request": [REQUEST, REQUEST[:9]],
    "one and a half requests": [REQUEST + REQUEST[:9]],
}


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Wait until the server ends this connection."""
    try:
        while await reader.read(1000):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("parts", SILENCES.values(), ids=SILENCES)
def test_a_connection_without_a_request_is_closed(settings, parts):
    settings.MAX_HEADER_TIME = timedelta(seconds=0.3)

    async def visit(connect) -> None:
        opened = [await connect() for _ in range(20)]
        for part in parts:
            for _, writer in opened:
                writer.write(part)
            await asyncio.sleep(0.02)
        assert all([await is_closed(reader) for reader, _ in opened])

    with_server(visit)


def test_a_request_that_came_whole_is_not_cut_off(settings):
    settings.MAX_HEADER_TIME = timedelta(seconds=0.3)

    async def visit(connect) -> None:
        reader, writer = await connect()
        writer.write(REQUEST.replace(b"/", b"/slow", 1))
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")

    with_server(visit)


def test_many_silent_connections_shut_nobody_out():
    async def visit(connect) -> None:
        silent = [await connect() for _ in range(MAX_SILENT + 20)]
        reader, writer = await connect()
        writer.write(REQUEST)

        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
        assert all([await is_closed(first) for first, _ in silent[:20]])

    with_server(visit)


@pytest.mark.fault("A-RATE-2")
def test_a_header_that_only_looks_like_the_proxy_s_is_not_believed(settings):
    redis.Redis.from_url(settings.REDIS_URL).flushall()
    settings.RATES = {"guest_pages": [(1, 600)]}
    settings.TRUSTED_PROXIES = ["127.0.0.1"]

    async def nothing() -> dict:
        return {"type": "http.request", "body": b""}

    statuses = []
    for claimed in (b"203.0.113.1", b"203.0.113.2"):
        headers = [
            (b"host", b"127.0.0.1"),
            (b"x-forwarded-for", b"198.51.100.7"),  # as the proxy says
            (b"x_forwarded_for", claimed),
        ]
        statuses.append(answer_to(nothing, *headers, client=("127.0.0.1", 5000)))

    assert statuses == [403, 429]  # the first as a form without its token


def test_one_reader_opens_only_some_streams(monkeypatch):
    async def stream(scope: dict, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    monkeypatch.setattr(asgi, "live", stream)
    monkeypatch.setattr(asgi, "MAX_STREAMS", 15)

    async def receive() -> dict:
        return {"type": "http.request", "body": b""}

    async def open_streams(cookies: list[bytes]) -> list[int]:
        statuses = []

        async def send(message: dict) -> None:
            statuses.extend([message["status"]] if "status" in message else [])

        tasks = []
        for cookie in cookies:
            headers = [(b"cookie", cookie)]
            scope = {"type": "http", "path": "/live/topics/1/", "headers": headers}
            tasks.append(asyncio.create_task(application(scope, receive, send)))
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return statuses

    name = asgi.settings.SESSION_COOKIE_NAME
    ours, others = f"{name}=ours".encode(), f"a=b; {name}=others".encode()
    statuses = asyncio.run(open_streams([ours] * 11 + [others] * 6))
    assert statuses == [200] * 10 + [429] + [200] * 5 + [429]
    assert asyncio.run(open_streams([ours] * 2)) == [200] * 2  # ended ones do not count


REFUSED = {
    "408": ({}, None, 408, "took too long"),
    "413": ({b"content-length": b"90000000"}, b"", 413, "too large"),
    "429": ({}, b"", 429, "Try again in 10 seconds."),
}


@pytest.mark.requirement("R-96", "R-98")
@pytest.mark.parametrize(
    ("headers", "body", "status", "words"), REFUSED.values(), ids=REFUSED
)
def test_what_is_refused_before_django_has_its_id_and_says_why(
    monkeypatch, settings, headers, body, status, words
):
    settings.MAX_REQUEST_TIME = timedelta(seconds=0.01)
    monkeypatch.setattr(asgi, "MAX_STREAMS", 0)
    sent: list[dict] = []

    async def receive() -> dict:
        if body is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": body}

    async def send(message: dict) -> None:
        sent.append(message)

    named = [(b"x-request-id", b"from-the-proxy"), *headers.items()]
    scope = {"type": "http", "path": "/live/topics/1/", "headers": named}
    asyncio.run(application(scope, receive, send))

    start, body_sent = sent
    answered = dict(start["headers"])
    assert start["status"] == status
    assert answered[b"x-request-id"] == b"from-the-proxy"
    assert (b"retry-after" in answered) == (status == 429)
    assert words in body_sent["body"].decode()
