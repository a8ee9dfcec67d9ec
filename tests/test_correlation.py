"""One id from the page that asks to the last line of the worker that answers."""

import re
from collections.abc import Iterator

import httpx
import pytest

from llmqueue.models import LLMRequest
from tests.conftest import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.requirement("R-98"),
]
NAMES_A_REQUEST = re.compile(r"\[([^\]]+)\]: ")


@pytest.fixture
def visitor(web, client, alice) -> Iterator[httpx.Client]:
    """Alice's, signed in at the real web server."""
    client.force_login(alice)
    session = client.cookies["session"].value
    with httpx.Client(base_url=web, cookies={"session": session}) as found:
        yield found


def all_final() -> bool:
    return not LLMRequest.objects.unfinished().exists()


@pytest.mark.usefixtures("unbroken", "fake_config")
def test_an_ask_its_request_and_the_workers_lines_have_the_id_of_the_answer(
    visitor, opening, start_worker, fake_llm, tmp_path
):
    fake_llm.answers(status=500)
    fake_llm.always_answers("Two hours.")
    start_worker()
    visitor.get(opening.get_absolute_url(), follow_redirects=True)
    ids = []
    for _ in range(2):
        form = {"csrfmiddlewaretoken": visitor.cookies["csrf"], "persona": ""}
        ids.append(
            visitor.post(f"/posts/{opening.pk}/ask/", data=form).headers["X-Request-ID"]
        )

    wait_until(all_final)

    requests = LLMRequest.objects.order_by("pk")
    assert [it.correlation_id for it in requests] == ids
    lines = (tmp_path / "worker-1.log").read_text().splitlines()
    for request in requests:
        about = [line for line in lines if str(request.public_id) in line]
        assert any("claimed" in line for line in about)
        assert any("attempt 1" in line for line in about)
        named = {NAMES_A_REQUEST.search(line)[1] for line in about}
        assert named == {request.correlation_id}


def test_a_line_of_the_web_server_has_the_id_of_its_answer(visitor, tmp_path):
    own = visitor.get("/no/such/page/", headers={"X-Request-ID": "the-proxys-own.1"})
    made = visitor.get("/no/such/page/")

    assert own.headers["X-Request-ID"] == "the-proxys-own.1"
    log = (tmp_path / "web.log").read_text()
    for answer in (own, made):
        name = answer.headers["X-Request-ID"]
        assert f"WARNING django.request [{name}]: Not Found: /no/such/page/" in log


def test_streams_have_an_id_too(visitor):
    answer = visitor.get("/live/no/such/", headers={"X-Request-ID": "a-stream"})

    assert answer.headers["X-Request-ID"] == "a-stream"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "a" * 41,
        "two words",
        "<b>",
        "a]b",
        "-",
        ".x",
        "é",
        "a\r\nINFO x: all is well",
    ],
    ids=[
        "none",
        "long",
        "space",
        "markup",
        "bracket",
        "dash",
        "dot",
        "accent",
        "lines",
    ],
)
def test_an_id_that_is_long_or_odd_is_not_taken(client, given):
    first, second = (
        client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"]
        for _ in range(2)
    )

    assert re.fullmatch("[0-9a-f]{32}", first)
    assert first != second


def test_refusals_and_redirects_have_an_id(client):
    client.handler.enforce_csrf_checks = True
    charset = "application/x-www-form-urlencoded; charset=hex"

    answers = [
        client.post("/accounts/login/", {}),
        client.generic("POST", "/accounts/login/", b"a=b", content_type=charset),
        client.get("/settings/"),
    ]

    assert [answer.status_code for answer in answers] == [403, 415, 302]
    assert len({answer["X-Request-ID"] for answer in answers}) == 3
