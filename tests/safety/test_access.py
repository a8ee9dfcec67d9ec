"""Everybody gets what is theirs and no more: the matrix of routes, actors and states."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.http import int_to_base36

from accounts.signin_links import signin_link
from forum.live import stream_url
from tests.safety.access import DATA, NESTED, read_table
from tests.safety.conftest import Stage, missing
from tests.safety.routes import all_routes, is_staff_only

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="[^"]+"')


@contextmanager
def undone(*clients: Client) -> Iterator[None]:
    """Nothing that happens inside lasts, neither in the database nor in cookies."""
    kept = [dict(client.cookies) for client in clients]
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    for client, cookies in zip(clients, kept, strict=True):
        client.cookies.clear()
        client.cookies.update(cookies)


ROUTES = {route.name: route for route in all_routes()}


def ask_for(client: Client, method: str, route: str, values: dict) -> tuple[str, str]:
    """The status ("login" for the way to the sign-in page) and the body."""
    address = ROUTES[route].address(values)
    with undone(client):
        if method == "GET":
            answer = client.get(address)
        else:
            answer = client.post(address, DATA.get(route, {}))
    status = str(answer.status_code)
    if status == "302" and answer["Location"].startswith(reverse(settings.LOGIN_URL)):
        status = "login"
    body = b"" if answer.streaming else answer.content
    return status, _TOKEN.sub("", body.decode(errors="replace")).replace(address, "")


@pytest.mark.fault("A-IDOR-1", "A-PRIV-1")
def test_every_route_has_its_lines_in_the_table():
    listed = {(cell.method, cell.route) for cell in read_table()}
    routes = [route for route in all_routes() if not is_staff_only(route)]

    without = {
        f"{method} {route.name}"
        for route in routes
        for method in ("GET", "POST")
        if (method, route.name) not in listed
    }

    assert without == set(), "add lines to tests/safety/access.txt"
    assert {name for _, name in listed} <= {route.name for route in routes}


@pytest.mark.fault("A-IDOR-1", "A-PRIV-1")
def test_everybody_gets_what_the_table_says(stage: Stage):
    wrong = []
    for cell in read_table():
        client, values = stage.clients[cell.actor], stage.objects[cell.thing]
        status, _ = ask_for(client, cell.method, cell.route, values)
        if status != cell.status:
            wrong.append(f"{cell} got {status}")

    assert wrong == []


@pytest.mark.requirement("Q-04")
def test_a_second_superuser_has_the_rights_of_the_first(stage: Stage, make_member):
    second = Client(raise_request_exception=False)
    second.force_login(make_member("root-second", is_staff=True, is_superuser=True))
    cells = [cell for cell in read_table() if cell.actor == "superuser"]

    got = {
        str(cell): ask_for(second, cell.method, cell.route, stage.objects[cell.thing])
        for cell in cells
    }

    assert {name: status for name, (status, _) in got.items()} == {
        str(cell): cell.status for cell in cells
    }
    for route in filter(is_staff_only, all_routes()):
        if not route.parameters:
            first = ask_for(stage.clients["superuser"], "GET", route.name, {})
            assert ask_for(second, "GET", route.name, {})[0] == first[0], route


@pytest.mark.fault("A-IDOR-1", "A-PRIV-1")
def test_what_is_for_staff_alone_is_closed_to_everybody_else(stage: Stage):
    closed = [route for route in all_routes() if is_staff_only(route)]
    open_ones = []
    for route in closed:
        values = missing(route)
        for actor in ("guest", "gone", "other", "owner"):
            for method in ("GET", "POST"):
                status, _ = ask_for(stage.clients[actor], method, route.name, values)
                if status not in ("login", "302", "403", "404"):
                    open_ones.append(f"{method} {route.name} {actor} {status}")

    assert open_ones == []


@pytest.mark.fault("A-IDOR-1")
def test_what_is_foreign_looks_like_what_is_not_there(stage: Stage):
    checked = 0
    for cell in read_table():
        values = stage.objects[cell.thing]
        if cell.status != "404" or not values:
            continue
        client, nothing = stage.clients[cell.actor], missing(ROUTES[cell.route])

        foreign = ask_for(client, cell.method, cell.route, values)

        assert foreign == ask_for(client, cell.method, cell.route, nothing), cell
        checked += 1
    assert checked > 20


@pytest.mark.fault("A-IDOR-1")
def test_what_is_not_there_is_not_found(stage: Stage):
    for route in all_routes():
        if not route.parameters or is_staff_only(route) or "account" in route.name:
            continue
        root = stage.clients["superuser"]
        status, _ = ask_for(root, "GET", route.name, missing(route))

        # The list of a member's posts is a search: nobody has written nothing.
        allowed = {"404", "405", "403"} | (
            {"200"} if "member_posts" in route.name else set()
        )
        assert status in allowed, (route.name, status)


@pytest.mark.fault("A-IDOR-2")
def test_addresses_of_two_parts_are_known():
    nested = {
        route.name
        for route in all_routes()
        if len(route.parameters) > 1 and not is_staff_only(route)
    }

    assert nested == set(NESTED)


@pytest.mark.fault("A-IDOR-2")
def test_a_token_opens_only_what_it_was_made_for(stage: Stage):
    """One person's token with another's number, and one topic's with another topic."""
    alice, bob = stage.people["owner"], stage.people["other"]
    guest = stage.clients["guest"]
    to_alice, to_bob = (
        signin_link(user).rstrip("/").split("/") for user in (alice, bob)
    )

    crossed = reverse("accounts:signin_link", args=[to_alice[-2], to_bob[-1]])

    assert guest.get(crossed).status_code == 404
    assert guest.post(crossed).status_code == 404
    assert not guest.session.get("_auth_user_id")

    reset = reverse(
        "account_reset_password_from_key",
        args=[int_to_base36(alice.pk), default_token_generator.make_token(bob)],
    )
    page = guest.get(reset, follow=True)
    guest.post(
        page.request["PATH_INFO"],
        {"password1": "n3w-and-long", "password2": "n3w-and-long"},
    )
    alice.refresh_from_db()
    assert alice.check_password("password-of-alice")


@pytest.mark.fault("A-IDOR-2")
def test_a_stream_s_token_opens_one_topic_for_one_session(stage: Stage, rf):
    request = rf.get("/")
    name = settings.SESSION_COOKIE_NAME
    request.COOKIES[name] = stage.clients["owner"].cookies[name].value
    path, _, query = stream_url(request, stage.topic).partition("?")
    other_topic = reverse("forum:topic_stream", args=[stage.topic.pk + 1])

    assert stage.clients["owner"].get(f"{path}?{query}").status_code == 200
    assert stage.clients["owner"].get(f"{other_topic}?{query}").status_code == 403
    assert stage.clients["other"].get(f"{path}?{query}").status_code == 403
    assert stage.clients["guest"].get(f"{path}?{query}").status_code == 403
