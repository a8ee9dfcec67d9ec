"""Requests no browser sends, and what may be kept of the answers."""

from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client, RequestFactory

from core.uploads import takes_file

pytestmark = pytest.mark.django_db


@contextmanager
def no_database():
    """Every query fails, as it does when PostgreSQL has gone away."""

    def fail(*args):
        raise OperationalError("the connection is lost")

    with connection.execute_wrapper(fail):
        yield


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    "value", ["aaaaaaaaaa\\000b", "A", "a" * 41, "a b", "../x", ""]
)
def test_a_session_that_cannot_be_is_no_session(visitor, value):
    page = visitor.get("/settings/", headers={"Cookie": f'session="{value}"'})

    assert page.status_code == 302


@pytest.mark.parametrize("charset", ["hex", "rot13", "utf-16", "no-such", '"idna"'])
def test_text_in_an_odd_charset_is_refused(visitor, charset):
    kind = f"application/x-www-form-urlencoded; charset={charset}"

    page = visitor.generic("POST", "/accounts/login/", b"login=a", content_type=kind)

    assert page.status_code == 415


def test_utf_8_may_be_named(visitor):
    kind = 'application/x-www-form-urlencoded; charset="UTF-8"'

    page = visitor.post("/accounts/login/", "login=a", content_type=kind)

    assert page.status_code == 200


def test_files_are_passed_over():
    file = SimpleUploadedFile("a.txt", b"x" * 4_000_000)
    request = RequestFactory().post("/", {"file": file, "words": "here"})

    assert request.POST["words"] == "here"
    assert not request.FILES


def test_a_file_is_kept_where_a_view_takes_one_and_no_more_of_it_than_that():
    def view(request):
        """Takes a file."""

    request = RequestFactory().post(
        "/",
        {
            "image": SimpleUploadedFile("a.png", b"x" * 500_000),
            "other": SimpleUploadedFile("b.png", b"y"),
            "words": "here",
        },
    )
    request.resolver_match = SimpleNamespace(
        func=takes_file(field="image", most=100_000)(view)
    )

    assert list(request.FILES) == ["image"]
    assert request.FILES["image"].size == 100_001
    assert request.POST["words"] == "here"


@pytest.mark.fault("A-IDOR-7")
@pytest.mark.parametrize("path", ["/", "/s/kitchen/", "/settings/", "/no/such/page/"])
def test_no_cache_keeps_what_a_member_saw(client, topic, alice, path):
    client.force_login(alice)

    kept = client.get(path)["Cache-Control"]

    assert "private" in kept
    assert "no-store" in kept


def test_a_strangers_page_is_not_marked(client, topic):
    assert "Cache-Control" not in client.get("/s/kitchen/")


@pytest.mark.fault("F20")
@pytest.mark.parametrize("path", ["/", "/settings/", "/s/kitchen/"])
def test_a_lost_database_is_said_with_503(visitor, topic, alice, path):
    visitor.force_login(alice)

    with no_database():
        page = visitor.get(path)

    assert page.status_code == 503
    assert int(page["Retry-After"]) > 0
    assert "cannot reach its data" in page.content.decode()


def test_health_asks_the_database(visitor):
    assert visitor.get("/healthz").status_code == 200
    with no_database():
        answer = visitor.get("/healthz")

    assert answer.status_code == 503
    assert answer.content == b"no database\n"


def test_other_faults_stay_500(visitor, topic):
    with patch("forum.views.subforums.render", side_effect=ZeroDivisionError):
        page = visitor.get("/")

    assert page.status_code == 500
    assert "Something broke" in page.content.decode()
