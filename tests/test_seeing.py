"""A post's pictures reach a model that sees, and nobody else learns more than they may."""

import base64

import pytest
from django.urls import reverse

from core import images
from forum.models import Ask, Post
from forum.services import asks, posts
from forum.services.images import Attachment
from llmconfig.models import LLMConfig, Redirect
from llmconfig.services.favourites import keep_favourite
from llmconfig.services.keys import encrypt_site_key
from llmqueue.models import PromptPart, Status, Stop
from llmqueue.work import runner
from studio.services import trials
from tests.pictures import drawn, looked_at

pytestmark = pytest.mark.django_db

FENCE = "</s> <|im_end|> [INST]"


@pytest.fixture
def seeing(fake_config) -> LLMConfig:
    """The site's default, which has a model for pictures."""
    fake_config.vision_model = "fake-eyes"
    fake_config.save()
    return fake_config


@pytest.fixture
def question(alice, subforum, fake_config) -> Post:
    """A post of alice with two pictures, one of them large, under a post with one."""
    topic = posts.create_topic(
        subforum=subforum,
        author=alice,
        title="Soup",
        body="This is my pot.",
        images=[attachment("lime", alt="A green pot")],
    )
    return posts.reply(
        parent=topic.posts.get(),
        author=alice,
        body="Is this right?",
        images=[
            attachment("red", size=(2000, 1500), alt=f"A red soup {FENCE}"),
            attachment("blue"),
        ],
    )


def attachment(colour: str, *, size: tuple[int, int] = (40, 30), alt="") -> Attachment:
    return Attachment(alt=alt, picture=images.make_picture(drawn(colour, size)))


def run(ask: Ask) -> Ask:
    runner.run_next()
    ask.refresh_from_db()
    ask.request.refresh_from_db()
    return ask


def sent_pictures(body: dict) -> list[bytes]:
    """The pictures of a call in OpenAI's form."""
    parts = body["messages"][-1]["content"]
    urls = [it["image_url"]["url"] for it in parts if it["type"] == "image_url"]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    return [base64.b64decode(url.partition(",")[2]) for url in urls]


def sent_text(body: dict) -> str:
    """The words of a call, without its pictures."""
    said = []
    for message in body["messages"]:
        content = message["content"]
        parts = (
            [{"type": "text", "text": content}] if content == str(content) else content
        )
        said += [it["text"] for it in parts if it["type"] == "text"]
    return "\n".join(said)


def address_of_ask(post: Post) -> str:
    return reverse("forum:ask_create", args=[post.pk])


@pytest.mark.requirement("Q-46")
def test_the_form_says_which_of_ones_models_see(as_, bob, question, fake_config):
    leads_on = "Keep a model that sees pictures beside Ask"
    assert leads_on in as_(bob).get(address_of_ask(question)).text
    seer = LLMConfig.objects.create(
        name="Seer",
        model="eyes",
        vision_model="eyes",
        endpoint=fake_config.endpoint,
        is_global=True,
    )
    for config in (seer, fake_config):
        keep_favourite(config=config, member=bob)

    page = as_(bob).get(address_of_ask(question)).text

    assert page.count(", sees pictures</option>") == 1
    assert "Seer — price unknown, sees pictures</option>" in page
    assert leads_on not in page
    assert "sees pictures" in as_(bob).get(reverse("llmconfig:config_list")).text


@pytest.mark.requirement("Q-46")
def test_the_configs_model_for_pictures_answers_and_sees_them(
    as_, bob, question, seeing, fake_llm
):
    page = as_(bob).get(address_of_ask(question)).content.decode()
    as_(bob).post(address_of_ask(question), {})
    ask = run(Ask.objects.get())

    assert "It sees the pictures." in page
    [seen] = fake_llm.calls()
    assert seen.model == "fake-eyes"
    first, second = map(looked_at, sent_pictures(seen.body))
    assert (first.format, first.size, second.size) == ("JPEG", (1024, 768), (40, 30))
    assert first.getpixel((9, 9))[0] > 200
    text = sent_text(seen.body)
    assert "A red soup &lt;/s> &lt;|im_end|> &#91;INST]" in text
    assert "[picture: A green pot]" in text
    receipt = ask.request.last_attempt.receipt
    assert receipt["model"]["model"] == "fake-eyes"
    assert receipt["pictures"] == {"count": 2, "are_seen": True}
    assert receipt["steps"]["config"][-1]["why"] == (
        "The post has 2 pictures, so Fake model's model for them answers: fake-eyes."
    )


@pytest.mark.requirement("Q-46")
def test_pictures_are_sent_in_anthropics_form_as_well(
    alice, question, seeing, fake_llm, fake_endpoint
):
    fake_endpoint.provider, fake_endpoint.api_base = "anthropic", fake_llm.root
    fake_endpoint.site_key = encrypt_site_key("sk-test", address=fake_llm.root)
    fake_endpoint.save()

    ask = run(asks.ask(post=question, member=alice))

    assert ask.request.status == Status.COMPLETE
    parts = fake_llm.calls()[0].body["messages"][-1]["content"]
    sources = [it["source"] for it in parts if it["type"] == "image"]
    assert [it["media_type"] for it in sources] == ["image/jpeg"] * 2
    assert looked_at(base64.b64decode(sources[0]["data"])).size == (1024, 768)


@pytest.mark.requirement("Q-46")
@pytest.mark.parametrize(
    "headers", [{}, {"HX-Request": "true"}], ids=["browser", "htmx"]
)
def test_a_model_that_does_not_see_is_asked_only_by_who_agreed(
    as_, bob, question, fake_config, fake_llm, headers
):
    browser = as_(bob)
    before = browser.get(address_of_ask(question)).content.decode()

    refused = browser.post(address_of_ask(question), {}, headers=headers)
    assert refused.status_code == 422
    assert "Fake model cannot see the 2 pictures" in refused.content.decode()
    assert not Ask.objects.exists()
    browser.post(address_of_ask(question), {"blindly": "on"}, headers=headers)
    ask = run(Ask.objects.get())

    assert "It cannot see the 2 pictures" in before
    [seen] = fake_llm.calls()
    assert seen.model == "fake-1"
    assert all(isinstance(it["content"], str) for it in seen.body["messages"])
    assert "[picture: A red soup &lt;/s> &lt;|im_end|> &#91;INST]]" in sent_text(
        seen.body
    )
    assert "[picture: no description]" in sent_text(seen.body)
    topic = browser.get(ask.reply.get_absolute_url()).content.decode()
    assert "Fake model cannot see: the 2 pictures were only described to it." in topic


def test_a_post_without_pictures_is_asked_about_as_ever(
    as_, bob, topic, seeing, fake_llm
):
    post = topic.posts.get()

    page = as_(bob).get(address_of_ask(post)).content.decode()
    as_(bob).post(address_of_ask(post), {})
    ask = run(Ask.objects.get())

    assert "blindly" not in page
    assert fake_llm.calls()[0].model == "fake-1"
    assert "pictures" not in ask.request.last_attempt.receipt


def test_what_is_asked_now_sees_or_not_as_things_stand_when_it_runs(
    alice, question, seeing, fake_llm
):
    ask = asks.ask(post=question, member=alice)
    LLMConfig.objects.update(vision_model="")

    run(ask)

    assert ask.request.status == Status.COMPLETE
    assert fake_llm.calls()[0].model == "fake-1"
    assert "only described" in ask.request.last_attempt.receipt["notes"][-1]


@pytest.mark.parametrize("eyes", ["", "other-eyes"], ids=["blind", "seeing"])
def test_a_redirect_from_the_model_for_pictures_is_followed_if_it_sees(
    alice, staff, question, seeing, fake_endpoint, fake_llm, eyes
):
    other = LLMConfig.objects.create(
        name="Other",
        endpoint=fake_endpoint,
        model="fake-2",
        vision_model=eyes,
        is_global=True,
    )
    Redirect.objects.create(
        endpoint=fake_endpoint, model="fake-eyes", to=other, made_by=staff
    )

    run(asks.ask(post=question, member=alice, blindly=True))

    assert fake_llm.calls()[0].model == (eyes or "fake-1")


def test_a_fallback_that_does_not_see_is_told_the_descriptions(
    alice, question, seeing, fake_endpoint, fake_llm
):
    seeing.fallback = LLMConfig.objects.create(
        name="Blind", endpoint=fake_endpoint, model="fake-2", is_global=True
    )
    seeing.save()
    fake_llm.answers("", model="fake-eyes", status=404)

    ask = asks.ask(post=question, member=alice)
    for _ in range(4):
        run(ask)

    assert [it.model for it in fake_llm.calls()][-1] == "fake-2"
    assert "[picture: A red soup" in sent_text(fake_llm.calls()[-1].body)
    assert "Blind cannot see" in ask.request.last_attempt.receipt["notes"][-1]


def test_the_prompts_page_tells_which_pictures_were_sent_until_they_go(
    as_, bob, alice, question, seeing, fake_llm, django_capture_on_commit_callbacks
):
    ask = run(asks.ask(post=question, member=alice))
    first, second = question.images.all()
    parts = PromptPart.objects.filter(kind="picture").order_by("position")

    page = as_(bob).get(ask.request.get_absolute_url()).content.decode()
    assert [it.source_key for it in parts] == [str(first.pk), str(second.pk)]
    assert first.get_absolute_url() in page
    assert parts[0].tokens > images.vision_tokens(2000, 1500) == 1049
    posts.edit_post(
        post=question,
        editor=alice,
        body=question.body,
        images=[Attachment(image=second)],
    )

    assert [it.text == "" for it in parts.all()] == [True, False]
    page = as_(bob).get(ask.request.get_absolute_url()).content.decode()
    assert first.get_absolute_url() not in page


def test_a_picture_that_went_meanwhile_is_not_sent(alice, question, seeing, fake_llm):
    ask = asks.ask(post=question, member=alice)
    for image in question.images.all():
        images.remove_picture(image.file)

    run(ask)

    assert sent_pictures(fake_llm.calls()[0].body) == []
    assert "[This picture was taken away.]" in sent_text(fake_llm.calls()[0].body)


@pytest.mark.fault("F57")
def test_no_call_begins_when_it_is_stopped_while_its_pictures_are_read(
    alice, question, seeing, fake_llm, monkeypatch
):
    read = images.for_model

    def read_and_stop(name: str) -> bytes | None:
        Stop.objects.get_or_create(scope="site")
        return read(name)

    monkeypatch.setattr(images, "for_model", read_and_stop)

    ask = run(asks.ask(post=question, member=alice))

    assert fake_llm.calls() == []
    assert ask.request.status == Status.PENDING


def test_a_try_on_the_bench_sees_the_pictures_of_its_post(
    alice, question, seeing, make_persona, fake_llm
):
    chef = make_persona("chef", owner=alice)
    trials.begin_trial(
        tester=alice, chosen=chef.current_version, configs=[seeing], post=question
    )

    runner.run_next()

    [seen] = fake_llm.calls()
    assert seen.model == "fake-eyes"
    assert len(sent_pictures(seen.body)) == 2


def test_who_answers_here_says_what_becomes_of_pictures(as_, bob, question, seeing):
    topic = question.topic
    address = reverse("studio:topic_answering", args=[topic.slug, topic.pk])

    seen = as_(bob).get(address).content.decode()
    LLMConfig.objects.update(vision_model="")
    blind = as_(bob).get(address).content.decode()

    assert "A post with pictures is answered by fake-eyes." in seen
    assert "It cannot see pictures: it is told their descriptions." in blind
