"""What people and models write is shown as words, wherever it is shown.

The oracle is an HTML parser. A place for plain text must have the same elements and
attributes whatever the text is; the html of a post may hold what is allowed and no more.
"""

import itertools
import json
from collections.abc import Iterator
from itertools import batched
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import User
from core import markup
from core.models import Handle
from core.tests.payloads import POSITIONS
from core.tests.test_markup import strangers_in
from forum.models import Ask, Post, Subforum, Topic
from forum.services import posts
from llmconfig.models import Endpoint, LLMConfig
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status
from llmqueue.work import lanes
from personas.models import Persona
from tests.safety.conftest import Stage
from tests.safety.pages import active_content, named, parse, shape, with_class
from tests.safety.payloads import PAYLOADS

HARMLESS = "harmless words"
# For places where each text costs a page or dozens of rows.
SAMPLE = PAYLOADS[::2]
PER_PAGE = 60


def test_the_corpus_is_large_enough():
    assert len(SAMPLE) >= 500


@pytest.mark.fault("A-XSS-1", "A-XSS-5")
@pytest.mark.parametrize("position", POSITIONS)
def test_no_position_in_markdown_lets_an_attack_through(position):
    """15 payloads to a parse, since html5lib takes most of the time."""
    for few in batched(PAYLOADS, 15, strict=False):
        html = [markup.render(position.replace("{}", payload)) for payload in few]
        if strangers_in("\n".join(html)):
            assert [strangers_in(one) for one in html] == [[]] * len(html), few


def storable(text: str, length: int) -> str:
    """What PostgreSQL takes of a text: worse than what any form of ours lets in."""
    return text.replace("\x00", "")[:length] or "x"


@pytest.fixture
def plant(db, subforum, settings):
    """Makes a topic in which one text stands in every field that a topic's page shows."""
    settings.POSTS_PER_PAGE = PER_PAGE
    endpoint = Endpoint.objects.create(name="E", provider="compatible", api_base="x")
    lane = lanes.lane_of(endpoint)

    numbers = itertools.count(1)

    def make(texts: list[str]) -> Topic:
        title = storable(markup.clean_text(texts[0]), 150)
        author = member(texts[0])
        topic = posts.create_topic(
            subforum=subforum, author=author, title="t", body=HARMLESS
        )
        Topic.objects.filter(pk=topic.pk).update(title=title)
        opening = topic.posts.get()
        for text in texts:
            human = member(text)
            post = insert(topic, opening, text, author=human)
            version = persona(text).current_version
            reply = insert(topic, post, text, persona_version=version)
            answered(post, reply, version, text, human)
            failed(post, text, human)
        topic.refresh_from_db()
        return topic

    def insert(topic, parent, text, **who) -> Post:
        body = markup.clean_text(text).replace("\x00", "")
        html = markup.render(text)
        return posts.insert_post(
            topic=topic, parent=parent, body=body, html=html, **who
        )

    def member(text: str) -> User:
        number = next(numbers)
        handle = Handle.objects.create(name=f"m{number}", skeleton=f"m{number}")
        return User.objects.create(
            email=f"m{number}@example.com",
            handle=handle,
            display_name=storable(text, 60),
            bio=storable(text, 2000),
        )

    def persona(text: str) -> Persona:
        number = next(numbers)
        made = Persona.objects.create(
            name=storable(text, 60),
            avatar=storable(text, 16),
            slug=f"p{number}",
            is_active=False,
        )
        version = made.versions.create(number=1, role=storable(text, 300))
        made.current_version = version
        made.save()
        return made

    def answered(post, reply, version, text, by) -> None:
        words = storable(text, 2000)
        step = {"rule": words, "won": True, "why": words}
        request = ended(by, Status.COMPLETE)
        LLMAttempt.objects.create(
            request=request,
            number=1,
            lease_token=request.public_id,
            persona_version=version,
            outcome=Outcome.ANSWERED,
            total_seconds=1,
            receipt={
                "persona": {"id": 1, "name": words, "version": words},
                "model": dict.fromkeys(
                    ("config", "endpoint", "provider", "model"), words
                ),
                "parameters": {words: words},
                "key": words,
                "notes": [words],
                "steps": {
                    part: [step] for part in ("persona", "config", "prompt", "key")
                },
            },
        )
        Ask.objects.create(post=post, request=request, reply=reply)

    def failed(post, text, by) -> None:
        words = storable(text, 2000)
        request = ended(
            by,
            Status.ERROR,
            error_class="x",
            error_message=words,
            asked_name=words[:60],
        )
        Ask.objects.create(post=post, request=request)

    def ended(by, status, **fields) -> LLMRequest:
        return LLMRequest.objects.create(
            kind="reply", requested_by=by, lane=lane, turn=1, status=status,
            is_ready=False, finished_at=timezone.now(), **fields,
        )  # fmt: skip

    return make


def check_pieces(root, kind: str, expected) -> int:
    """Every piece with this class has the shape of the harmless one; how many there are."""
    pieces = with_class(root, kind)
    for piece in pieces:
        if "answered" not in piece.attrib.get("class", ""):
            assert shape(piece, but="prose") in expected, "".join(piece.itertext())[
                :300
            ]
    return len(pieces)


@pytest.mark.fault("A-XSS-1", "A-XSS-5")
def test_a_topic_s_page_shows_every_text_as_text(plant, clients, subforum):
    """Titles, names of members and personas, avatars, posts, receipts, notes, errors."""
    seen = 0
    size = PER_PAGE // 2 - 1
    reader = clients["staff"]
    plain = parse(reader.get(plant([HARMLESS] * 2).get_absolute_url()).text)
    frame = shape_around_posts(plain)
    expected = {
        kind: [shape(piece, but="prose") for piece in with_class(plain, kind)]
        for kind in ("post", "ask")
    }
    names = {name for name in named(plain) if not name[-1].isdigit()}
    assert all(expected.values())

    for texts in batched(SAMPLE, size, strict=False):
        topic = plant(list(texts))
        root = parse(reader.get(topic.get_absolute_url()).text)

        assert active_content(root) == []
        assert shape_around_posts(root) == frame
        seen += check_pieces(root, "post", expected["post"])
        assert check_pieces(root, "ask", expected["ask"]) == len(texts)
        assert {name for name in named(root) - names if not ours(name)} == set()
    assert seen >= 2 * len(SAMPLE)


def shape_around_posts(root) -> list:
    """The page without its posts."""
    posts_here = next(e for e in root.iter() if e.attrib.get("id") == "posts")
    posts_here.attrib["class"] = "left-out"
    return shape(root, but="left-out")


def ours(name: str) -> bool:
    of_posts = "post-", "entry-", "reply-", "choice-", "ask-"
    of_pictures = "image-", "alt-", "kept-", "picture-"
    return name.startswith((*of_posts, *of_pictures))


@pytest.mark.fault("A-XSS-1")
def test_a_list_of_topics_shows_every_text_as_text(clients, subforum, settings):
    settings.TOPICS_PER_PAGE = 2000
    texts = [HARMLESS, *PAYLOADS]
    handles = [Handle(name=f"m{at}", skeleton=f"m{at}") for at in range(len(texts))]
    people = [
        User(email=f"m{at}@example.com", handle=handle, display_name=storable(text, 60))
        for at, (text, handle) in enumerate(
            zip(texts, Handle.objects.bulk_create(handles), strict=True)
        )
    ]
    User.objects.bulk_create(people)
    now = timezone.now()
    topics = Topic.objects.bulk_create(
        Topic(
            subforum=subforum, author=author, title=storable(text, 150), slug="t",
            last_post_at=now,
        )
        for text, author in zip(texts, people, strict=True)
    )  # fmt: skip
    written = Post.objects.bulk_create(
        Post(
            topic=topic, number=1, path="000001", author=topic.author, render_version=1
        )
        for topic in topics
    )
    for topic, post in zip(topics, written, strict=True):
        topic.last_post = post
    Topic.objects.bulk_update(topics, ["last_post"])

    root = parse(clients["guest"].get(subforum.get_absolute_url()).text)

    rows = [row for row in with_class(root, "rows")[0] if row.tag == "li"]
    assert active_content(root) == []
    assert len(rows) == len(texts)
    assert {tuple(shape(row)) for row in rows} == {tuple(shape(rows[-1]))}


@pytest.mark.fault("A-XSS-1")
def test_a_member_s_page_and_the_front_page_show_every_text_as_text():
    def pages_with(text: str, bio: str) -> Iterator[str]:
        author = User(handle=Handle(name="m"), display_name=text, bio=bio, pk=1)
        author.date_joined = now
        topic = Topic(pk=1, title=text, slug="t", last_post_at=now)
        topic.last_post = Post(pk=1, author=author, number=1)
        place = Subforum(name=text, slug="s", description=text, last_topic=topic)
        yield render_to_string("accounts/member_detail.html", {"member": author})
        yield render_to_string("forum/subforum_list.html", {"subforums": [place]})

    now = timezone.now()
    plain = [
        set(shape(parse(page))) for page in pages_with(HARMLESS, "One\ntwo\n\nthree.")
    ]
    for payload in SAMPLE:
        for page, known in zip(pages_with(payload, payload), plain, strict=True):
            root = parse(page)
            assert (active_content(root), set(shape(root)) - known) == ([], set()), (
                payload
            )


@pytest.mark.fault("A-XSS-1")
def test_forms_show_what_was_typed_as_text(stage: Stage, settings):
    """Previews, forms with errors, and what stands in the address."""
    settings.ACCOUNT_RATE_LIMITS = False
    guest, alice, root = (stage.clients[a] for a in ("guest", "owner", "superuser"))
    new_topic = stage.address("forum:topic_create", "kitchen")
    edit = stage.address("llmconfig:endpoint_edit", "endpoint")
    topic = stage.topic.get_absolute_url()

    def answers(text: str) -> Iterator[tuple[str, Any]]:
        yield (
            "sign up",
            guest.post("/accounts/signup/", {"handle": f"{text}\n", "email": text}),
        )
        yield "sign in", guest.post("/accounts/login/", {"login": text, "next": text})
        yield "next", guest.get("/accounts/login/", {"next": text})
        yield "query", guest.get(topic, {"at": text, "after": text, text[:50]: text})
        yield "topic", alice.post(new_topic, {"title": f"{text} " * 150, "body": ""})
        yield "endpoint", root.post(edit, {"address": f"x:{text}", "key": text})

    plain: dict[str, set] = {}
    for text in (HARMLESS, "a", "7", "https://[", "words " * 400, "a@b.example", "/x"):
        for kind, page in answers(text):
            plain.setdefault(kind, set()).update(shape(parse(page.text)))
    for few in batched(SAMPLE, 25, strict=False):
        text = " ".join(few).replace("\x00", "").replace("\n", " ")
        for kind, page in answers(text):
            tree = parse(page.text)
            assert active_content(tree) == [], (kind, text)
            assert set(shape(tree)) <= plain[kind], (kind, text)


@pytest.mark.fault("A-XSS-1")
def test_a_profile_s_form_shows_what_was_typed_as_text(stage: Stage):
    """By the dozen, since html5lib reads six hundred time zones with each page."""
    alice = stage.clients["owner"]

    def answer(text: str) -> Any:
        form = {"display_name": text * 5, "bio": text + "x" * 2001, "timezone": text}
        return parse(alice.post("/settings/", form).text)

    plain = shape(answer(HARMLESS))
    for many in batched(SAMPLE, 60, strict=False):
        tree = answer(" ".join(many).replace("\x00", ""))
        assert (active_content(tree), shape(tree)) == ([], plain)


@pytest.mark.fault("A-XSS-1")
def test_previews_show_what_a_post_may_hold_and_no_more(stage: Stage):
    for few in batched(PAYLOADS, 40, strict=False):
        body = "\n\n".join(few)
        for header in ({}, {"HX-Request": "true"}):
            page = stage.clients["owner"].post(
                "/posts/preview/", {"body": body}, headers=header
            )
            root = parse(page.text)
            assert active_content(root) == []
            assert names_in_prose(root) == set()


def names_in_prose(root) -> set[str]:
    return {name for piece in with_class(root, "prose") for name in named(piece)}


@pytest.mark.fault("A-XSS-1")
def test_messages_show_names_as_text(stage: Stage):
    root = stage.clients["superuser"]
    endpoint = Endpoint.objects.get(pk=stage.objects["endpoint"]["endpoint_id"])
    toggle = stage.address("llmconfig:endpoint_toggle", "endpoint")

    def page_with(name: str):
        Endpoint.objects.filter(pk=endpoint.pk).update(name=storable(name, 60))
        LLMConfig.objects.update(name=storable(name, 60))
        root.post(toggle, {"enable": "yes"})
        tree = parse(root.get("/settings/endpoints/").text)
        assert len(with_class(tree, "messages")) == 1
        return tree

    plain = shape(page_with(HARMLESS))
    for payload in PAYLOADS[::20]:
        tree = page_with(payload)
        assert (active_content(tree), shape(tree)) == ([], plain)


@pytest.mark.fault("A-XSS-1")
def test_mails_are_plain_text_with_whole_headers(alice, clients):
    guest = clients["guest"]
    for payload in PAYLOADS[::20]:
        User.objects.filter(pk=alice.pk).update(display_name=storable(payload, 60))
        guest.post("/accounts/password/reset/", {"email": alice.email})
        guest.post(
            "/accounts/password/reset/", {"email": f"{payload}\nBcc: x@evil.example"}
        )
    EmailAddress.objects.all().update(verified=False)
    clients["owner"].post("/accounts/email/", {"action_send": "", "email": alice.email})

    assert mail.outbox
    for sent in mail.outbox:
        assert sent.content_subtype == "plain"
        assert not getattr(sent, "alternatives", [])
        assert sent.recipients() == [alice.email]
        assert "\n" not in sent.subject
        assert "evil.example" not in str(sent.message())


@pytest.mark.fault("A-XSS-1")
def test_the_live_stream_carries_text_as_json_only(stage: Stage):
    """The page's script writes it by `textContent`; here, no event can be forged."""
    from llmqueue.live.streams import as_event

    for payload in PAYLOADS:
        event = as_event("text", {"ask": "1", "at": 0, "text": payload})
        head, data, *rest = event.split("\n")
        assert (head, rest) == ("event: text", ["", ""])
        assert json.loads(data.removeprefix("data: "))["text"] == payload
