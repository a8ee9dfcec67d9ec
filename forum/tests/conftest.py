"""What tests of the forum are made of."""

import uuid
from collections.abc import Callable

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from core import markup
from forum import offers
from forum.models import Ask, Post, Topic
from forum.services import asks, posts
from llmqueue.models import LLMAttempt, LLMRequest, Outcome, Status
from llmqueue.resolution.resolving import resolve
from llmqueue.work import runner

HTMX = {"HX-Request": "true"}


@pytest.fixture
def answered(maestro, fake_config) -> Callable[..., Ask]:
    """An ask of Maestro on a post that has got its reply and receipt, as delivered."""

    def answer(post: Post, member: User, text: str = "About *two* hours.") -> Ask:
        ask = asks.ask(post=post, member=member, persona=maestro)
        receipt = resolve(
            offers.inputs_in(post.topic.subforum, [], member=member, persona=maestro)
        )
        attempt = LLMAttempt.objects.create(
            request=ask.request,
            number=1,
            lease_token=uuid.uuid4(),
            persona_version=receipt.version,
            outcome=Outcome.ANSWERED,
            tokens_in=212,
            tokens_out=96,
            total_seconds=2.1,
            first_text_seconds=0.4,
            receipt=receipt.as_json(),
        )
        with transaction.atomic():
            ask.reply = posts.insert_post(
                topic=Topic.objects.hold(post.topic_id),
                parent=post,
                persona_version=receipt.version,
                body=text,
                html=markup.render(text),
            )
            ask.save(update_fields=["reply"])
            end(ask, Status.COMPLETE, last_attempt=attempt)
        return ask

    return answer


def finish(ask: Ask) -> Ask:
    """Run its request, and look at both again."""
    runner.run_next()
    ask.refresh_from_db()
    ask.request.refresh_from_db()
    return ask


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
