"""What tests of the forum are made of."""

import uuid
from collections.abc import Callable

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from core import markup
from forum.models import Ask, Post, Topic
from forum.services import asks, posts
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status
from personas.models import Persona

HTMX = {"HX-Request": "true"}


@pytest.fixture
def opening(topic: Topic) -> Post:
    return topic.posts.get(number=1)


@pytest.fixture
def as_(db) -> Callable[[User], Client]:
    """A browser in which this member is signed in."""

    def sign_in(member: User) -> Client:
        client = Client()
        client.force_login(member)
        return client

    return sign_in


@pytest.fixture
def maestro(db) -> Persona:
    return Persona.objects.get(slug="maestro")


def step(rule: str, won: bool, why: str) -> dict[str, object]:
    return {"rule": rule, "won": won, "why": why}


@pytest.fixture
def answered(maestro) -> Callable[..., Ask]:
    """An ask of Maestro on a post that has got its reply and receipt, as delivered."""

    def answer(post: Post, member: User, text: str = "About *two* hours.") -> Ask:
        ask = asks.ask(post=post, member=member, persona=maestro)
        version = maestro.current_version
        LLMAttempt.objects.create(
            request=ask.request,
            number=1,
            lease_token=uuid.uuid4(),
            persona_version=version,
            outcome=Outcome.ANSWERED,
            tokens_in=212,
            tokens_out=96,
            total_seconds=2.1,
            first_text_seconds=0.4,
            receipt={
                "persona": {"id": maestro.pk, "name": "Maestro", "version": 1},
                "model": {
                    "config": "Demo model",
                    "endpoint": "Demo model",
                    "provider": "Compatible",
                    "model": "smollm2-135m",
                },
                "parameters": {"temperature": 0.7, "top_p": 0.9, "max_tokens": 160},
                "key": "none",
                "notes": [],
                "steps": {
                    "persona": [step("Asked for", True, "Maestro")],
                    "config": [
                        step("Chosen on this request", False, "None was chosen."),
                        step("The site's default", True, "Demo model"),
                    ],
                    "prompt": [step("The persona's version", True, "Maestro v1")],
                    "key": [step("No key needed", True, "Demo model")],
                },
            },
        )
        with transaction.atomic():
            ask.reply = posts.insert_post(
                topic=post.topic,
                parent=post,
                persona_version=version,
                body=text,
                html=markup.render(text),
            )
            ask.save(update_fields=["reply"])
            end(ask, Status.COMPLETE)
        return ask

    return answer


def end(ask: Ask, status: Status, **outcome: object) -> None:
    """Give the request of `ask` a final status."""
    LLMRequest.objects.filter(pk=ask.request_id).update(
        status=status,
        is_ready=False,
        finished_at=timezone.now(),
        lease_token=None,
        lease_until=None,
        **outcome,
    )
    ask.request.refresh_from_db()
