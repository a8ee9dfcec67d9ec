"""The worst texts cost no more than their length, and only when they are written.

No clock here: `python -m benchmarks.markup` measures times. What is counted is how many
functions Python calls, which is the same on every machine.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from markdown_it import MarkdownIt

from core import markup
from core.tests.payloads import DEEP, PATHOLOGICAL, deep_text
from forum.models import Post
from forum.services import posts

MOST_GROWTH = 2.5
MOST_CALLS_A_CHARACTER = 30


def calls_to_render(text: str) -> int:
    counted = 0

    def count(frame, event, argument) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    markup.render("warm")
    sys.setprofile(count)
    try:
        markup.render(text)
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.fault("A-DOS-1")
def test_there_are_enough_worst_texts():
    assert len(set(PATHOLOGICAL)) >= 35


@pytest.mark.fault("A-DOS-1")
@pytest.mark.parametrize("pattern", PATHOLOGICAL)
def test_twice_the_text_is_at_most_twice_the_work(pattern):
    half, whole = (
        calls_to_render((pattern * length)[:length]) for length in (2_500, 5_000)
    )

    assert whole <= MOST_GROWTH * half + 200


@pytest.mark.fault("A-DOS-1")
@pytest.mark.parametrize("parts", DEEP)
def test_depth_does_not_multiply_the_work(parts):
    text = deep_text(*parts, length=4_000)

    assert calls_to_render(text) <= MOST_CALLS_A_CHARACTER * len(text)


@pytest.mark.fault("A-DOS-1")
def test_long_texts_wait_for_one_another_and_short_ones_do_not(monkeypatch):
    begun, may_end = threading.Semaphore(0), threading.Event()
    parse = MarkdownIt.render

    def slowly(*args: Any) -> str:
        begun.release()
        assert len(args[1]) < 100 or may_end.wait(30)
        return parse(*args)

    monkeypatch.setattr(MarkdownIt, "render", slowly)
    with ThreadPoolExecutor(4) as threads:
        renders = [threads.submit(markup.render, "long " * 1_100) for _ in range(3)]
        try:
            assert begun.acquire(timeout=30)
            assert begun.acquire(timeout=30)
            assert not begun.acquire(timeout=0.3)
            assert markup.render("short") == "<p>short</p>\n"
        finally:
            may_end.set()
        assert all(render.result(30) for render in renders)


@pytest.mark.fault("A-DOS-2")
@pytest.mark.parametrize("columns", [2, 20, 21, 60])
def test_a_table_is_of_a_size_that_somebody_can_read(columns):
    head = "a|" * columns + "\n" + "-|" * columns + "\n"

    html = markup.render(head + "|\n" * 5_000)

    assert html.count("<td>") <= 2_000
    assert ("<table>" in html) == (columns <= 20)
    assert "|" in html  # the rest of it is text


HEAVY = "http://a.b " * 3_600


@pytest.mark.fault("A-DOS-2")
@pytest.mark.requirement("F-29")
def test_a_text_that_makes_a_heavy_page_is_refused(clients, alice, topic):
    count = Post.objects.count()
    opening = topic.posts.get()

    answers = [
        clients["owner"].post(f"/posts/{opening.pk}/reply/", {"body": HEAVY}),
        clients["owner"].post(f"/posts/{opening.pk}/edit/", {"body": HEAVY}),
        clients["owner"].post(
            f"{topic.subforum.get_absolute_url()}new/", {"body": HEAVY, "title": "a"}
        ),
    ]

    assert [answer.status_code for answer in answers] == [422] * 3
    for answer in answers:
        assert "has so much markup" in answer.text
        assert HEAVY[:100] in answer.text  # what was written is not lost
    assert Post.objects.count() == count


@pytest.mark.fault("A-DOS-2")
def test_what_must_not_be_lost_is_cut(clients):
    html = markup.render(HEAVY)

    assert len(html) <= markup.MAX_HTML_CHARS + 100
    assert html.count("<a ") >= 1_000
    assert html.endswith("too much to show.</em></p>\n")


@pytest.mark.fault("A-DOS-2")
def test_a_page_of_the_worst_posts_renders_none(
    clients, alice, topic, settings, monkeypatch, django_assert_max_num_queries
):
    settings.POSTS_PER_PAGE = 60
    opening = topic.posts.get()
    for at in range(50):
        pattern = PATHOLOGICAL[at % len(PATHOLOGICAL)]
        body = (f"{pattern}" * 2_000)[:2_000] + "."
        posts.reply(parent=opening, author=alice, body=body)

    def never(*args: object) -> str:
        raise AssertionError("rendered again")

    monkeypatch.setattr(markup, "render", never)
    monkeypatch.setattr(markup, "_parser", never)
    for actor in ("guest", "owner", "superuser"):
        with django_assert_max_num_queries(20):
            page = clients[actor].get(topic.get_absolute_url())
        assert page.status_code == 200
        assert page.text.count('<article class="post') == 51
