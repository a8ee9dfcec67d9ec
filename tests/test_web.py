"""The web server as it runs, and what is asked of it by those who mean harm."""

import asyncio
import socket
import time
from contextlib import ExitStack
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from forllm.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/accounts/login/"


def open_form(web: str, *, length: int) -> socket.socket:
    """A connection on which a form was announced, and its first byte sent."""
    place = urlsplit(web)
    connection = socket.create_connection((place.hostname, place.port), timeout=10)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {length}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\na"
    )
    connection.sendall(head.encode())
    return connection


def answer_to(receive, *headers: tuple[bytes, bytes]) -> int:
    """The status that the application gives to a request with this `receive`."""
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "headers": list(headers)}
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"]


def test_slow_senders_keep_nobody_waiting(web):
    with ExitStack() as stack:
        for _ in range(12):
            stack.enter_context(open_form(web, length=1000))
        time.sleep(0.5)

        assert httpx.get(f"{web}{PATH}", timeout=5).status_code == 200


def test_a_form_that_is_too_large_is_refused_before_it_is_sent(web):
    with open_form(web, length=4_000_000) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_a_form_arrives_whole_at_the_pages(web):
    text = "x" * 300_000
    with httpx.Client(base_url=web) as browser:
        browser.get(PATH)
        form = {"csrfmiddlewaretoken": browser.cookies["csrf"], "login": "a", "n": text}
        page = browser.post(PATH, data=form)

    assert page.status_code == 200
    assert "Enter a valid email" in page.text


def test_a_body_without_announced_length_is_counted():
    async def receive() -> dict:
        return {"type": "http.request", "body": b"x" * 100_000, "more_body": True}

    assert answer_to(receive) == 413


def test_a_body_that_does_not_arrive_is_given_up(settings):
    settings.MAX_REQUEST_TIME = timedelta(seconds=0.05)

    async def receive() -> dict:
        return await asyncio.get_running_loop().create_future()

    assert answer_to(receive) == 408
