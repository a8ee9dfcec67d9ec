"""The preview of a prompt: what will be sent, to those who shape the persona alone."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import SiteSettings
from forum.services import asks, posts
from llmconfig.models import Endpoint, LLMConfig
from llmqueue.models import PromptPart
from llmqueue.prompting import composing
from llmqueue.work import runner
from personas.models import (
    Identity,
    Persona,
    PersonaDraft,
    PersonaVersion,
    SystemPrompt,
)
from personas.services import drafts, versions
from studio.tests.conftest import CANARY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("F-32")]

PREVIEW = "/personas/hermit/preview/"


def previewed(answer) -> list[tuple[str, str, str, int]]:
    """The parts that the page shows."""
    assert answer.status_code == 200
    parts = answer.context["preview"].parts
    return [(it.kind, it.role, it.text, it.tokens) for it in parts]


def stored() -> list[tuple[str, str, str, int]]:
    """The parts of the last prompt that was sent."""
    last = PromptPart.objects.latest("pk").attempt
    return [
        (it.kind, it.role, it.text, it.tokens) for it in last.parts.order_by("position")
    ]


def received(fake_llm) -> str:
    """What the provider got last, in one text."""
    messages = fake_llm.calls()[-1].body["messages"]
    return "\n\n".join(message["content"] for message in messages)


def try_it(client, config, **values) -> None:
    """Fill in the form of the test bench, confirm, and let a worker run it."""
    data = {"configs": [str(config.pk)], "confirm": "yes", **values}
    assert client.post("/personas/hermit/try/", data).status_code == 302
    runner.run_next()


@pytest.fixture
def one_tag(monkeypatch) -> None:
    """The tag that is made anew for each prompt is the same for all of them."""
    monkeypatch.setattr(composing, "new_tag", lambda: "post-c0ffee")


@pytest.fixture
def site_rules(db) -> None:
    SiteSettings.load()
    SiteSettings.objects.update(site_rules="Be kind to <guests> & others.")


@pytest.mark.requirement("F-39", "M-40", "R-16")
@pytest.mark.parametrize("version", ["draft", "1", "2"])
@pytest.mark.parametrize("on", ["sample", "post"])
def test_the_preview_is_what_a_try_sends(
    one_tag,
    site_rules,
    version,
    on,
    hermit,
    draft,
    bob,
    question,
    fake_config,
    fake_llm,
    visit,
):
    theirs = drafts.save_draft(
        draft=drafts.draft_of(persona=hermit, editor=bob), voice="Loud."
    )
    versions.publish(draft=theirs)
    for body in ("It <b>depends</b>.", "On the *bones*, mostly."):
        posts.reply(parent=question, author=bob, body=body)
    target = question.topic.posts.latest("number")
    alice = draft.editor
    client = visit(alice)
    post = {"post": str(target.pk)} if on == "post" else {}

    shown = previewed(client.get(PREVIEW, {"version": version, **post}))
    sample = {} if post else {"sample": "Who are you, and what can you help me with?"}
    try_it(client, fake_config, version=version, **post, **sample)

    assert shown == stored()
    assert "\n\n".join(text for _, _, text, _ in shown) == received(fake_llm)
    assert f"{CANARY} of the woods" in str(shown)


@pytest.mark.requirement("F-39", "M-40")
def test_the_preview_of_a_version_is_what_a_reply_is_asked_with(
    one_tag, site_rules, hermit, alice, bob, question, fake_config, fake_llm, visit
):
    post = posts.reply(parent=question, author=bob, body="And with beans?")

    shown = previewed(visit(alice).get(PREVIEW, {"post": post.pk}))
    asks.ask(post=post, member=alice, persona=hermit)
    runner.run_next()

    assert shown == stored()
    assert "\n\n".join(text for _, _, text, _ in shown) == received(fake_llm)


def test_the_draft_is_shown_by_parts_with_tokens_and_the_model(
    draft, alice, fake_config, visit
):
    page = visit(alice).get(PREVIEW)

    preview = page.context["preview"]
    assert "Your draft" in page.text
    assert "You are Brother Hermit, a canary-of-the-hermit of the woods." in page.text
    assert "Never hurry." in page.text
    assert "Fake model</b>: fake-1 at Fake" in page.text
    assert preview.tokens == sum(part.tokens for part in preview.parts) > 20
    assert f"Your draft, {preview.tokens} tokens" in page.text


def test_while_editing_the_saved_draft_s_prompt_is_loaded_as_a_piece(
    draft, alice, fake_config, visit
):
    client = visit(alice)
    drafts.save_draft(draft=draft, voice="Quite new.")

    piece = client.get(PREVIEW, headers={"HX-Request": "true"})

    assert "Quite new." in piece.text
    assert piece.text.strip().startswith('<section id="prompt"')
    assert "<html" not in piece.text
    assert "HX-Request" in piece["Vary"]


def test_what_is_there_of_a_half_written_draft_is_shown(
    draft, alice, fake_config, visit
):
    drafts.save_draft(draft=draft, role="", voice="Slow.", context="x" * 5000)

    page = visit(alice).get(PREVIEW)

    assert "You are Brother Hermit." in page.text
    assert "Voice: Slow." in page.text
    assert "Please say in a line who the persona is." in page.text
    assert "at most 4,000 fit" in page.text


def test_without_any_model_the_prompt_is_shown_all_the_same(draft, alice, visit):
    assert not LLMConfig.objects.exists()

    page = visit(alice).get(PREVIEW)

    assert "No model would answer: No model is set up here yet." in page.text
    assert "You are Brother Hermit" in page.text


def test_without_any_model_it_is_the_prompt_that_one_would_get(
    one_tag, make_persona, alice, fake_config, visit
):
    make_persona("herald", owner=alice)
    SystemPrompt.objects.create(name="House style", text="Be brief.", is_default=True)
    Identity.objects.create(
        user=alice,
        name="The cook",
        description="Cooks.",
        is_default=True,
        is_public=True,
    )
    client, address = visit(alice), "/personas/herald/preview/"

    with_model = previewed(client.get(address))
    Endpoint.objects.update(is_enabled=False)
    without = client.get(address)

    assert "All models are switched off" in without.text
    assert previewed(without) == with_model
    assert "Be brief." in str(with_model)
    assert "The cook" in str(with_model)


def test_without_a_draft_the_version_of_now_is_shown(hermit, bob, fake_config, visit):
    page = visit(bob).get(PREVIEW)

    assert page.context["chosen"] == hermit.current_version
    assert "Version 1, " in page.text


def test_a_persona_without_version_or_draft_says_so(alice, fake_config, visit):
    drafts.create_persona(creator=alice, name="Sketch", handle="sketch").delete()

    page = visit(alice).get("/personas/sketch/preview/")

    assert page.status_code == 200
    assert "There is nothing to preview yet" in page.text


def test_looking_begins_no_draft_and_keeps_nothing(hermit, bob, fake_config, visit):
    visit(bob).get(PREVIEW)

    assert not PersonaDraft.objects.exists()
    assert not PromptPart.objects.exists()


@pytest.mark.parametrize(
    "address",
    ["{post}", "http://forum.example{post}", "{topic}?at=2", "{topic}?page=9#post-2"],
)
def test_a_post_is_found_by_its_address(
    address, hermit, alice, question, fake_config, visit
):
    post = posts.reply(parent=question, author=alice, body="For two hours.")
    written = address.format(
        post=post.get_absolute_url(), topic=post.topic.get_absolute_url()
    )

    page = visit(alice).get(PREVIEW, {"address": written})

    assert "For two hours." in page.context["preview"].parts[-1].text


@pytest.mark.parametrize(
    "query",
    [
        {"version": "99"},
        {"version": "nothing"},
        {"version": "9" * 30},
        {"version": "draft"},
        {"post": "999999"},
        {"post": "9" * 30},
        {"post": "-1"},
        {"post": "{deleted}"},
        {"address": "/t/soup-1/#post-999"},
        {"address": "/t/soup-99999999999999999/"},
        {"address": "https://[::1/"},
        {"address": "\0"},
        {"address": "/settings/"},
        {"address": "{deleted_address}"},
    ],
)
def test_what_is_not_there_is_said_in_the_form(
    query, hermit, bob, question, fake_config, visit
):
    deleted = posts.reply(parent=question, author=bob, body="Never mind.")
    posts.delete_post(post=deleted, actor=bob)
    names = {"deleted": deleted.pk, "deleted_address": deleted.get_absolute_url()}
    values = {name: value.format(**names) for name, value in query.items()}

    page = visit(bob).get(PREVIEW, values)

    assert page.status_code == 422
    assert "errorlist" in page.text
    assert "preview" not in page.context or not page.context.get("preview")


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_an_address_without_a_post_is_said_once(headers, draft, alice, visit):
    page = visit(alice).get(PREVIEW, {"address": "/t/no-1/"}, headers=headers)

    assert page.status_code == 422
    assert page.text.count("There is no post at this address.") == 1
    assert "<li>address" not in page.text


@pytest.mark.requirement("Q-40")
@pytest.mark.parametrize("address", [PREVIEW, "/personas/hermit/try/"])
def test_it_is_for_those_who_shape_the_persona(
    address, hermit, draft, alice, bob, carol, staff, fake_config, visit
):
    Persona.objects.filter(pk=hermit.pk).update(visibility="public")

    seen = {
        name: visit(member).get(address)
        for name, member in {
            "owner": alice,
            "editor": bob,
            "stranger": carol,
            "staff": staff,
            "guest": None,
        }.items()
    }

    assert {name: answer.status_code for name, answer in seen.items()} == {
        "owner": 200,
        "editor": 200,
        "stranger": 404,
        "staff": 404,
        "guest": 302,
    }
    assert f"{CANARY}-draft" not in seen["editor"].text  # another's draft
    others = [seen[name].text for name in ("stranger", "staff", "guest")]
    assert not [text for text in others if CANARY in text]


def test_the_tabs_are_for_those_who_shape_the_persona(
    hermit, alice, carol, fake_config, visit
):
    Persona.objects.filter(pk=hermit.pk).update(visibility="public")

    assert f'href="{PREVIEW}"' in visit(alice).get("/personas/hermit/").text
    assert PREVIEW not in visit(carol).get("/personas/hermit/").text
    assert PREVIEW not in visit().get("/personas/hermit/").text


def test_the_page_costs_the_same_in_a_long_topic(
    hermit, alice, bob, question, fake_config, visit
):
    client, costs = visit(alice), []
    for count in (1, 12):
        for _ in range(count):
            posts.reply(parent=question, author=bob, body="More.")
            PersonaVersion.objects.create(
                persona=hermit, number=100 + hermit.versions.count(), role="a friend"
            )
        with CaptureQueriesContext(connection) as queries:
            client.get(PREVIEW, {"post": question.topic.posts.latest("number").pk})
        costs.append(len(queries))

    assert costs[1] <= costs[0] <= 30
