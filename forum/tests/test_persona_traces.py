"""What a deleted persona leaves in the forum, as the page that asks says it."""

import pytest

from forum.services import posts

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("R-49")
def test_the_page_says_what_it_leaves(bob, topic, make_persona, client):
    baker = make_persona("baker", owner=bob)
    client.force_login(bob)
    before = client.get("/personas/baker/delete/").text
    topic.subforum.assignments.create(persona=baker, is_default=True)
    posts.insert_post(
        topic=topic,
        parent=topic.posts.get(),
        persona_version=baker.current_version,
        body="Bread.",
        html="Bread.",
    )
    page = client.get("/personas/baker/delete/").text

    assert "It has written no post." in before
    assert "Its 1 post stays in its topic" in page
    assert "It is the default in 1 subforum;" in page
