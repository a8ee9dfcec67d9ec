"""A persona of alice's with a draft, and two models to try it with."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from forum.models import Post
from llmconfig.models import LLMConfig
from personas.models import OwnerRole, Persona, PersonaDraft, PersonaOwner, Visibility
from personas.services import drafts
from studio.models import Trial, TrialRun
from studio.services import trials

CANARY = "canary-of-the-hermit"


@pytest.fixture
def hermit(make_persona, alice, bob) -> Persona:
    """A private persona of alice's that bob edits; its words are canaries."""
    persona = make_persona(
        "hermit",
        owner=alice,
        visibility=Visibility.PRIVATE,
        role=f"a {CANARY} of the woods",
        voice="Dry.",
    )
    PersonaOwner.objects.create(persona=persona, user=bob, role=OwnerRole.EDITOR)
    return persona


@pytest.fixture
def draft(hermit, alice) -> PersonaDraft:
    """What alice is about to make of it."""
    draft = drafts.draft_of(persona=hermit, editor=alice)
    return drafts.save_draft(
        draft=draft,
        name="Brother Hermit",
        voice=f"Warm, with a {CANARY}-draft.",
        knowledge=["moss", "  "],
        constraints=["Never hurry."],
    )


@pytest.fixture
def other_config(fake_endpoint) -> LLMConfig:
    return LLMConfig.objects.create(
        name="Other model", model="fake-2", endpoint=fake_endpoint, is_global=True
    )


@pytest.fixture
def begun(draft, fake_config, other_config) -> Trial:
    """Alice's draft, tried with two models that have not begun."""
    return trials.begin_trial(
        tester=draft.editor,
        chosen=draft,
        configs=[fake_config, other_config],
        sample="Why soup?",
    )


@pytest.fixture
def run(begun) -> TrialRun:
    return begun.runs.in_order().with_request()[0]


@pytest.fixture
def question(topic) -> Post:
    """Alice's opening post, "How long does it simmer?"."""
    return topic.posts.get()


@pytest.fixture
def visit() -> Callable[[User | None], Client]:
    """A browser of a member's, or of a guest's."""

    def visit(member: User | None = None) -> Client:
        client = Client()
        if member is not None:
            client.force_login(member)
        return client

    return visit
