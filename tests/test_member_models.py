"""From what people set in pages to the model that was called, and back to the page."""

import pytest

from forum.services import asks
from llmconfig.models import AISettings, Endpoint, LLMConfig, ProviderPreference
from llmqueue.models import LLMRequest, Status
from llmqueue.tests.conftest import run_until_quiet
from personas.models import Persona
from tests.queue_pages import as_, page

pytestmark = pytest.mark.django_db
MODELS = "/settings/models/"
MAESTRO = "/personas/maestro/model/"


@pytest.fixture
def configs(fake_config, fake_llm) -> dict[str, LLMConfig]:
    """A is the site's default and has no fallback; B and C stand at endpoints of theirs."""
    LLMConfig.objects.filter(pk=fake_config.pk).update(name="A", model="model-a")
    found = {"A": fake_config}
    for name in "BC":
        endpoint = Endpoint.objects.create(
            name=f"Place {name}", provider="compatible", api_base=fake_llm.address
        )
        found[name] = LLMConfig.objects.create(
            name=name, model=f"model-{name.lower()}", endpoint=endpoint, is_global=True
        )
    fake_config.refresh_from_db()
    return found


def ask_in_page(browser, post, **fields) -> LLMRequest:
    answer = browser.post(f"/posts/{post.pk}/ask/", {"persona": ""} | fields)
    assert answer.status_code == 302
    return LLMRequest.objects.latest("pk")


def models_called(fake_llm) -> list[str]:
    return [call.model for call in fake_llm.calls()]


@pytest.mark.requirement("D-45", "R-13")
def test_everybodys_own_temperature_and_length_are_sent(
    configs, bob, carol, opening, fake_llm
):
    form = {
        "name": "Wild",
        "endpoint": configs["A"].endpoint_id,
        "model": "model-a",
        "temperature": "1.3",
        "max_tokens": "77",
        "context_posts": "20",
        "context_tokens": "2000",
    }
    browser = as_(bob)
    browser.post("/settings/configs/new/", form)
    browser.post(MODELS, {"config": LLMConfig.objects.get(owner=bob).pk})
    fake_llm.always_answers("Two hours.")

    for asking in (browser, as_(carol)):
        ask_in_page(asking, opening)
        run_until_quiet()

    bobs, carols = (call.body for call in fake_llm.calls())
    assert (bobs["temperature"], bobs["max_tokens"]) == (1.3, 77)
    assert not {"temperature", "max_tokens"} & set(carols)


@pytest.mark.requirement(
    "D-38",
    "O-61",
    "Q-48",
    "Q-49",
    "Q-50",
    "Q-52",
    "Q-65",
    "D-01",
    "D-13",
    "D-22",
    "R-12",
)
def test_a_setting_in_the_page_is_the_model_that_is_called(
    configs, bob, carol, opening, fake_llm
):
    maestro = Persona.objects.get(slug="maestro")
    Persona.objects.filter(pk=maestro.pk).update(default_config=configs["B"])
    own = LLMConfig.objects.create(
        name="Mine", owner=bob, endpoint=configs["A"].endpoint, model="model-mine"
    )
    fake_llm.always_answers("Two hours.")
    browser = as_(bob)

    def called(by=browser) -> str:
        request = ask_in_page(by, opening, persona=maestro.pk)
        run_until_quiet()
        request.refresh_from_db()
        assert request.status == Status.COMPLETE
        return models_called(fake_llm)[-1]

    assert called() == "model-b"  # the persona's
    browser.post(MODELS, {"config": own.pk})
    assert called() == "model-mine"
    browser.post(MAESTRO, {"config": configs["C"].pk})
    assert called() == "model-c"
    assert called(as_(carol)) == "model-b"
    browser.post(MAESTRO, {"reset": "yes"})
    assert called() == "model-mine"
    browser.post(MODELS, {"config": ""})
    assert called() == "model-b"


@pytest.mark.requirement("D-17", "D-21", "Q-01", "D-24")
def test_a_setting_holds_for_what_waits_already(configs, bob, opening, fake_llm):
    fake_llm.always_answers("Two hours.")
    browser = as_(bob)
    request = ask_in_page(browser, opening)
    assert "with A" in page(browser)

    browser.post(MODELS, {"config": configs["C"].pk})
    assert "with C" in page(browser)
    run_until_quiet()

    request.refresh_from_db()
    assert request.status == Status.COMPLETE
    assert models_called(fake_llm) == ["model-c"]
    assert request.model == "model-c"


@pytest.mark.requirement("D-11", "D-13", "D-14", "D-22", "D-25", "D-26", "D-31")
def test_a_provider_that_is_asked_for_answers_with_my_model_and_counts(
    configs, bob, alice, opening, fake_llm
):
    fake_llm.always_answers("Two hours.")
    browser, there = as_(bob), configs["B"].endpoint
    assert (
        "With" not in page(browser, f"/posts/{opening.pk}/ask/").split("Who should")[1]
    )
    browser.post(f"{MODELS}preferences/", {"endpoint": there.pk, "model": "my-b"})
    wish = ProviderPreference.objects.get()
    assert "my-b, my model at Place B" in page(browser, f"/posts/{opening.pk}/ask/")

    ask_in_page(browser, opening, wish=wish.pk)
    run_until_quiet()
    ask_in_page(browser, opening)
    run_until_quiet()
    asks.ask(post=opening, member=bob, endpoint=there, config=configs["C"])
    run_until_quiet()

    assert models_called(fake_llm) == ["my-b", "model-a", "model-c"]
    receipt = LLMRequest.objects.earliest("pk").last_attempt.receipt
    assert (
        receipt["steps"]["config"][-1]["rule"] == "the member's model at this provider"
    )
    wish.refresh_from_db()
    assert wish.uses == 1
    assert wish.last_used_at is not None
    assert "answered you 1 time, last" in page(browser, MODELS)


@pytest.mark.requirement("D-25", "O-58")
def test_an_answer_that_was_none_is_not_counted(configs, bob, opening, fake_llm):
    there = configs["B"].endpoint
    ProviderPreference.objects.create(user=bob, endpoint=there, model="my-b")
    fake_llm.answers(status=401)

    asks.ask(post=opening, member=bob, endpoint=there)
    run_until_quiet()

    assert models_called(fake_llm) == ["my-b"]
    assert ProviderPreference.objects.get().uses == 0


@pytest.mark.requirement("C-04")
def test_without_any_model_the_request_fails_and_the_queue_says_why(
    configs, bob, opening
):
    browser = as_(bob)
    request = ask_in_page(browser, opening)
    Endpoint.objects.update(is_enabled=False)

    run_until_quiet()

    request.refresh_from_db()
    assert (request.status, request.error_class) == (Status.ERROR, "no_model")
    assert "All models are switched off at the moment." in page(browser)


@pytest.mark.requirement("M-84", "D-24")
def test_nothing_has_to_be_set_to_use_the_forum(configs, bob, opening, fake_llm):
    fake_llm.answers("Two hours.")

    ask_in_page(as_(bob), opening)
    run_until_quiet()

    assert models_called(fake_llm) == ["model-a"]
    assert not AISettings.objects.exists()
    assert not ProviderPreference.objects.exists()


@pytest.mark.requirement("Q-01", "Q-02", "Q-03", "Q-48", "Q-49", "Q-52", "Q-62")
def test_the_story(configs, alice, bob, staff, topic, opening, fake_llm):
    """A refuses; B answers with a note; all move to B; one member has C, and goes back."""
    LLMConfig.objects.filter(pk=configs["A"].pk).update(fallback=configs["B"])
    maestro = Persona.objects.get(slug="maestro")
    member, owner = as_(bob), as_(staff)

    # A refuses, and its fallback answers.
    fake_llm.answers(refusal="I cannot.")
    fake_llm.answers("From B.")
    ask_in_page(member, opening, persona=maestro.pk)
    run_until_quiet()
    assert "A declined; B was asked instead." in page(member, topic.get_absolute_url())

    # The owner moves everybody, what waits among it.
    waiting = ask_in_page(member, opening, persona=maestro.pk)
    form = {
        "endpoint": configs["A"].endpoint_id,
        "to": configs["B"].pk,
        "reason": "A refuses everybody.",
    }
    assert owner.post("/settings/endpoints/redirects/new/", form).status_code == 200
    form["is_confirmed"] = "yes"
    assert owner.post("/settings/endpoints/redirects/new/", form).status_code == 302
    fake_llm.answers("From B again.")
    run_until_quiet()
    waiting.refresh_from_db()
    assert waiting.status == Status.COMPLETE
    note = "B was asked instead of A, by a redirect of @warden: A refuses everybody."
    assert note in page(as_(None), topic.get_absolute_url())
    assert note in page(member, waiting.get_absolute_url())
    assert note in page(member, MAESTRO)

    # The member takes C for Maestro, sees why, and goes back.
    member.post(MAESTRO, {"config": configs["C"].pk})
    assert "with <b>C</b>" in page(member, MAESTRO)
    assert "your model for this persona" in page(member, MAESTRO)
    fake_llm.answers("From C.")
    ask_in_page(member, opening, persona=maestro.pk)
    run_until_quiet()
    back = member.post(MAESTRO, {"reset": "yes"}, follow=True)
    assert "Maestro has no model of yours any more. Now B answers you" in back.text
    fake_llm.answers("From B once more.")
    ask_in_page(member, opening, persona=maestro.pk)
    run_until_quiet()

    # The owner undoes it by one click.
    [undo] = [
        line.split('"')[1]
        for line in page(owner).split("<form ")
        if "/undo/" in line
        for line in [line.split("action=")[1]]
    ]
    owner.post(undo)
    fake_llm.answers("From A.")
    ask_in_page(member, opening, persona=maestro.pk)
    run_until_quiet()

    assert models_called(fake_llm) == [
        "model-a",
        "model-b",
        "model-b",
        "model-c",
        "model-b",
        "model-a",
    ]
