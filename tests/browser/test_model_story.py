"""A model refuses: who changes what, in how many presses, and what the pages say of it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from accounts.models import User
from forum.models import Post
from llmconfig.models import Endpoint, LLMConfig, Redirect
from llmqueue.models import LLMRequest
from personas.models import UserPersonaSettings
from tests.browser.conftest import PATIENCE_MS, sign_in
from tests.browser.hand import Hand
from tests.conftest import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

REFUSAL = "I cannot talk about soup."
OF_B = "Two hours, says the second model."
OF_C = "Three hours, says the third model."
MOST_OF_OWNER = 6
MOST_OF_MEMBER = 4


@pytest.fixture(params=["with JavaScript", "without"])
def walker(request: pytest.FixtureRequest, browser: Browser, web: str):
    """A page, once as most have it and once of a browser without JavaScript."""
    context = browser.new_context(
        base_url=web, java_script_enabled=request.param == "with JavaScript"
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def models(fake_config: LLMConfig, fake_llm) -> dict[str, LLMConfig]:
    """The site's models: A, its default, refuses; B stands in for it; C is another."""
    made = {
        it: LLMConfig.objects.create(
            name=f"Model {it}",
            model=f"model-{it.lower()}",
            endpoint=fake_config.endpoint,
            is_global=True,
        )
        for it in "BC"
    }
    LLMConfig.objects.filter(pk=fake_config.pk).update(
        name="Model A", model="model-a", fallback=made["B"]
    )
    fake_llm.answers(model="model-a", refusal=REFUSAL)
    fake_llm.answers(OF_B, model="model-b")
    fake_llm.answers(OF_C, model="model-c")
    return made


def is_answered(count: int) -> bool:
    """Whether so many requests were made, and none of them is open."""
    made = LLMRequest.objects.all()
    return made.count() == count and not made.unfinished().exists()


@pytest.fixture
def ask(walker: Page, question: Post) -> Callable[[], Locator]:
    """Ask Maestro in two presses and a choice; the newest reply once it is there."""

    def ask() -> Locator:
        before = LLMRequest.objects.count()
        walker.goto(question.topic.get_absolute_url())
        hand = Hand(walker)
        hand.follow(re.compile("Ask a persona"))
        hand.choose("Who should answer", "Maestro")
        hand.press("Ask")
        wait_until(lambda: is_answered(before + 1))
        walker.goto(question.topic.get_absolute_url())
        return walker.locator("article.post.persona").last

    return ask


def asked_models(fake_llm) -> list[str]:
    return [seen.model for seen in fake_llm.calls()]


@pytest.mark.requirement("Q-01", "Q-02", "Q-06", "Q-36", "Q-37", "Q-62", "Q-63", "Q-65")
def test_a_model_refuses_the_owner_redirects_a_member_overrides_and_resets(
    walker: Page, ask, models, fake_llm, bob: User, staff: User, start_worker, web: str
):
    start_worker()
    sign_in(walker, bob, web)
    reply = ask()
    expect(reply).to_contain_text(OF_B)
    expect(reply.locator(".note")).to_contain_text(re.compile("Model A .*Model B"))
    assert asked_models(fake_llm) == ["model-a", "model-b"]
    reply.locator("summary").click()
    reply.get_by_role("link", name="The whole explanation").click()
    expect(walker.locator("li.won", has_text="the fallback")).to_contain_text("Model B")

    sign_in(walker, staff, web)
    walker.goto("/")
    owner = Hand(walker)
    owner.open_site("Settings")
    owner.follow("Endpoints")
    owner.follow("Answer with another instead of Fake")
    walker.get_by_label("Only this model of it").fill("model-a")
    owner.choose("Answer with", "Model B")
    walker.get_by_label("Why").fill("It refuses everybody.")
    owner.press("See what changes")
    owner.press("Redirect")
    expect(walker.locator(".redirect")).to_contain_text("Model B answers instead of")
    assert owner.actions <= MOST_OF_OWNER

    sign_in(walker, bob, web)
    reply = ask()
    expect(reply.locator(".note")).to_contain_text("by a redirect of @warden")
    assert asked_models(fake_llm) == ["model-a", "model-b", "model-b"]

    member = Hand(walker)
    member.follow("Maestro")
    member.follow("Model")
    expect(walker.locator(".answer").first).to_contain_text("Model B")
    member.choose("My model", "Model C")
    member.press("Use it for me")
    expect(walker.locator("tr.won")).to_contain_text("your model for this persona")
    expect(walker.locator("tr.won")).to_contain_text("Model C")
    assert member.actions <= MOST_OF_MEMBER
    expect(ask()).to_contain_text(OF_C)
    assert asked_models(fake_llm)[3:] == ["model-c"]

    walker.goto("/personas/maestro/model/")
    Hand(walker).press("Reset")
    expect(walker.locator(".messages")).to_contain_text(
        "Maestro has no model of yours any more. Now Model B answers you"
    )
    expect(walker.locator("tr.won")).to_contain_text("the site's default")
    expect(walker.locator("tr.won")).to_contain_text(
        "by a redirect, instead of Model A"
    )
    assert UserPersonaSettings.objects.get().config is None
    expect(ask()).to_contain_text(OF_B)

    sign_in(walker, staff, web)
    walker.goto("/queue/")
    Hand(walker).press("Undo the redirect of model-a at Fake")
    expect(walker.locator(".redirect")).to_have_count(0)
    assert not Redirect.objects.active().exists()


SITE_KEY = "sk-canary-of-the-site-0001"
OWN_KEY = "sk-canary-of-a-member-0002"


@pytest.mark.requirement("Q-06", "Q-62", "R-69", "R-70", "R-72", "M-20", "M-84")
def test_an_owners_first_evening_and_a_member_with_a_key_of_their_own(
    walker: Page, subforum, fake_llm, staff: User, bob: User, start_worker, web: str
):
    start_worker()
    fake_llm.always_answers(OF_B)
    fake_llm.key = SITE_KEY
    sign_in(walker, staff, web)
    walker.goto("/")
    owner = Hand(walker)
    owner.open_site("Settings")
    owner.follow("Endpoints")
    owner.follow("Connect a model")
    walker.get_by_role("radio", name="OpenAI-compatible").check()
    walker.get_by_label("Address", exact=True).fill(fake_llm.address)
    walker.get_by_label("Model", exact=True).fill("smollm2")
    walker.get_by_label("Key", exact=True).fill("sk-a-slip-of-the-mouse")
    owner.press("Test and connect")
    expect(walker.locator(".errorlist").first).to_contain_text("key")
    assert not Endpoint.objects.exists()
    walker.get_by_label("Key", exact=True).fill(SITE_KEY)
    owner.press("Test and connect")
    expect(walker.locator(".messages")).to_contain_text("is connected. It works")
    expect(walker.locator("main")).to_contain_text("0001")
    assert SITE_KEY not in walker.content()
    assert owner.actions <= MOST_OF_OWNER

    fake_llm.key = OWN_KEY
    sign_in(walker, bob, web)
    walker.goto("/")
    member = Hand(walker)
    member.open_site("Settings")
    member.follow("Keys")
    member.follow("Add a key for OpenAI-compatible")
    walker.get_by_label("Key", exact=True).fill(OWN_KEY)
    member.press("Save")
    expect(walker.locator(".messages")).to_contain_text("takes the key")
    expect(walker.locator("main")).to_contain_text("ends in 0002")
    assert OWN_KEY not in walker.content()

    walker.goto("/s/kitchen/new/")
    walker.get_by_label("Title").fill("Soup")
    walker.locator("textarea").first.fill("How long does it simmer?")
    member.press("Open the topic")
    member.follow(re.compile("Ask a persona"))
    member.press("Ask")
    wait_until(lambda: is_answered(1))
    walker.reload()
    reply = walker.locator("article.post.persona")
    expect(reply).to_contain_text(OF_B)
    reply.locator("summary").click()
    expect(reply.locator("details.receipt")).to_contain_text("your key")
    assert fake_llm.calls()[-1].key == OWN_KEY
    fake_llm.key = ""
