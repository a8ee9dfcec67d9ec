"""A site on which nobody has set anything yet."""

import pytest

from forllm.seeding import seed
from forum.models import Ask
from llmqueue.work import runner
from tests.queue_pages import as_, page

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("O-10")
def test_a_fresh_site_answers_though_nobody_has_set_opening_hours(
    fake_config, fake_llm
):
    owner = seed()
    fake_llm.always_answers("That people listen.")
    assert "waiting" in page(as_(owner)).lower()

    assert runner.run_next()

    assert Ask.objects.get().reply.body == "That people listen."
    assert runner.run_next() is None
