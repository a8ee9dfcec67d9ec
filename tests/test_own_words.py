"""What a member writes for themselves reaches the model, and nobody else."""

import pytest
from django.test import Client
from django.urls import reverse

from forum.models import Ask
from forum.services import asks
from llmqueue.models import PromptPart
from llmqueue.work import runner
from personas.models import (
    Identity,
    Persona,
    SystemPrompt,
    UserPersonaSettings,
)

pytestmark = pytest.mark.django_db

OWN = "canary-own-instructions"
TOLD = "canary-of-an-identity"
YOURS = "/personas/chef/yours/"


@pytest.fixture
def chef(make_persona, alice) -> Persona:
    persona = make_persona(
        "chef",
        owner=alice,
        instructions="Speak of herbs.",
        context="A kitchen in Graz.",
        voice="Loud.",
        knowledge=["soup"],
        gaps=["cake"],
        constraints=["Never add salt"],
        sample_queries=[{"query": "Soup?", "answer": "Always."}],
    )
    Persona.objects.filter(pk=persona.pk).update(own_prompt_allowed=True)
    return persona


@pytest.fixture
def ask(opening, fake_config, fake_llm):
    """Ask, let the fake provider answer, and give the ask back with what it received."""

    def run(member, persona) -> tuple[Ask, str]:
        fake_llm.always_answers("Two hours.")
        made = asks.ask(post=opening, member=member, persona=persona)
        runner.run_next()
        made.refresh_from_db()
        messages = fake_llm.calls()[-1].body["messages"]
        return made, "\n".join(message["content"] for message in messages)

    return run


def as_(member) -> Client:
    client = Client()
    if member is not None:
        client.force_login(member)
    return client


def add_identity(browser: Client, name: str, **fields) -> Identity:
    browser.post("/settings/identities/new/", {"name": name, **fields})
    return Identity.objects.get(name=name)


@pytest.mark.requirement("R-09", "R-15", "R-16", "M-56", "M-63")
def test_own_instructions_replace_all_but_name_role_and_constraints(ask, bob, chef):
    as_(bob).post(YOURS, {"own_prompt": OWN})

    made, sent = ask(bob, chef)

    order = ["You are Chef, a friend of soup.", OWN, "Never add salt", "Chef."]
    assert [sent.index(text) for text in order] == sorted(
        sent.index(text) for text in order
    )
    for gone in ("herbs", "Graz", "Loud", "know about", "do not know", "Always."):
        assert gone not in sent, gone
    reply = as_(None).get(made.post.topic.get_absolute_url()).text
    assert "With @bob&#x27;s own instructions for Chef." in reply
    assert "the member&#x27;s own for this persona" in reply
    assert OWN not in reply


@pytest.mark.requirement("R-09")
def test_another_member_s_ask_is_as_before(ask, bob, alice, chef):
    as_(bob).post(YOURS, {"own_prompt": OWN})

    made, sent = ask(alice, chef)

    assert "Speak of herbs." in sent
    assert OWN not in sent
    assert "own instructions" not in str(made.request.last_attempt.receipt["notes"])


@pytest.mark.requirement("R-09", "R-16")
def test_once_forbidden_they_are_passed_over_with_the_reason(ask, bob, chef):
    as_(bob).post(YOURS, {"own_prompt": OWN})
    Persona.objects.filter(pk=chef.pk).update(own_prompt_allowed=False)

    made, sent = ask(bob, chef)

    assert "Speak of herbs." in sent
    assert OWN not in sent
    page = as_(bob).get(made.request.get_absolute_url()).text
    assert "owner does not allow the instructions that the member wrote" in page
    assert UserPersonaSettings.objects.get().own_prompt == OWN


@pytest.mark.requirement("R-15")
def test_the_site_s_prompt_fills_in_for_a_bare_role(ask, bob, make_persona, alice):
    bare = make_persona("bare", owner=alice)
    SystemPrompt.objects.create(name="Plain", text="Use short words.", is_default=True)

    made, sent = ask(bob, bare)

    assert sent.index("You are Bare") < sent.index("Use short words.")
    page = as_(None).get(made.request.get_absolute_url()).text
    assert "Use short words." in page  # as the site's rules


@pytest.mark.requirement("R-17", "R-19")
def test_the_default_identity_is_told_in_a_block_if_it_is_public(ask, bob, chef):
    browser = as_(bob)
    identity = add_identity(
        browser, "Cook", description=TOLD, is_public="on", is_default="on"
    )

    _, sent = ask(bob, chef)

    assert f'by="@bob, who asks, of themselves">\nCook\n{TOLD}\n</post-' in sent

    browser.post(
        f"/settings/identities/{identity.pk}/edit/",
        {"name": "Cook", "description": TOLD, "is_default": "on"},
    )
    assert TOLD not in ask(bob, chef)[1]


@pytest.mark.requirement("R-17", "R-19")
def test_the_identity_chosen_for_a_persona_is_told_to_that_one(
    ask, bob, alice, chef, make_persona
):
    browser = as_(bob)
    add_identity(browser, "Usual", is_public="on", is_default="on")
    special = add_identity(browser, "Special", is_public="on")
    hidden = add_identity(browser, "Hidden")
    other = make_persona("other", owner=alice)

    browser.post(YOURS, {"identity": special.pk})
    assert "\nSpecial\n" in ask(bob, chef)[1]
    assert "\nUsual\n" in ask(bob, other)[1]
    assert "of themselves" not in ask(alice, chef)[1]

    browser.post(YOURS, {"identity": hidden.pk})
    sent = ask(bob, chef)[1]
    assert "Hidden" not in sent
    assert "Usual" not in sent


@pytest.fixture
def asked(ask, bob, chef) -> Ask:
    """Bob's ask, with instructions and an identity of his own in its prompt."""
    browser = as_(bob)
    add_identity(browser, TOLD, is_public="on", is_default="on")
    browser.post(YOURS, {"own_prompt": OWN})
    made, sent = ask(bob, chef)
    assert OWN in sent
    assert TOLD in sent
    return made


@pytest.mark.requirement("R-09", "R-21", "Q-40")
def test_the_stored_prompt_shows_them_to_whoever_asked_alone(
    asked, alice, bob, carol, staff
):
    address = asked.request.get_absolute_url()

    own_page = as_(bob).get(address).text
    assert OWN in own_page
    assert TOLD in own_page
    for member in (None, alice, carol, staff):
        page = as_(member).get(address).text
        assert OWN not in page
        assert TOLD not in page
        assert "Not for you to read." in page

    name = "llmqueue:prompt_detail"
    shown = as_(staff).post(reverse(name, args=[asked.request.public_id])).text
    assert OWN in shown
    assert TOLD in shown


@pytest.mark.requirement("R-09", "R-20", "Q-40")
def test_no_page_of_another_holds_them(asked, alice, carol, staff, make_member, topic):
    root = make_member("root-owner", is_staff=True, is_superuser=True)
    asks.ask(post=asked.post, member=asked.request.requested_by, persona=None)
    own = UserPersonaSettings.objects.get()
    identity = Identity.objects.get()
    pages = [
        "/",
        "/queue/",
        "/queue/?persona=chef",
        "/personas/",
        "/personas/chef/",
        YOURS,
        "/u/bob/",
        "/notices/",
        "/settings/identities/",
        f"/settings/identities/{identity.pk}/",
        f"/settings/identities/{identity.pk}/edit/",
        "/settings/aliases/",
        "/settings/prompts/",
        "/settings/audit/",
        topic.get_absolute_url(),
        f"{topic.get_absolute_url()}who/",
        "/s/kitchen/who/",
        f"/posts/{asked.post_id}/ask/",
        asked.request.get_absolute_url(),
        f"/admin/personas/userpersonasettings/{own.pk}/change/",
        f"/admin/personas/identity/{identity.pk}/change/",
    ]
    for member in (None, alice, carol, staff, root):
        browser = as_(member)
        for page in pages:
            text = browser.get(page, follow=True).text
            assert OWN not in text, (member, page)
            assert TOLD not in text, (member, page)
    # Nor does a mistake of another's bring them out.
    browser = as_(carol)
    browser.post(YOURS, {"identity": identity.pk, "own_prompt": "x" * 9000})
    wrong = browser.post(YOURS, {"identity": identity.pk, "own_prompt": "x" * 9000})
    same = browser.post("/settings/identities/new/", {"name": TOLD.upper()})
    assert (wrong.status_code, same.status_code) == (422, 302)
    assert OWN not in wrong.text
    assert TOLD not in wrong.text


@pytest.mark.requirement("R-09", "R-17")
def test_what_is_deleted_is_erased_in_the_prompts_that_were_sent(asked, bob):
    browser = as_(bob)
    identity = Identity.objects.get()
    browser.post(f"/settings/identities/{identity.pk}/delete/")
    browser.post(YOURS, {"own_prompt": ""})

    kinds = PromptPart.objects.filter(kind__in=["own prompt", "identity"])
    assert sorted(kinds.values_list("kind", "text")) == [
        ("identity", ""),
        ("own prompt", ""),
    ]
    page = browser.get(asked.request.get_absolute_url()).text
    assert page.count("Erased, since what it was made from was deleted.") == 2
