"""A muted persona: folded away for one member, there for everybody else."""

import pytest
from django.test import Client

from forum.models import Post
from forum.services import asks
from personas.models import Persona, UserPersonaSettings, Visibility

pytestmark = pytest.mark.django_db

FOLD = "<summary>Muted: Maestro's reply</summary>"


@pytest.fixture
def muted(bob, maestro) -> UserPersonaSettings:
    return UserPersonaSettings.objects.create(user=bob, persona=maestro, is_muted=True)


def test_its_posts_are_folded_and_can_be_read(as_, opening, bob, answered, muted):
    answered(opening, bob, "About *two* hours.")

    page = as_(bob).get(opening.topic.get_absolute_url()).text

    assert page.count(FOLD) == 1
    assert "About <em>two</em> hours." in page.split(FOLD)[1]
    assert "How long does it simmer?" in page.split(FOLD)[0]


def test_others_see_them_as_before(as_, opening, bob, alice, answered, muted):
    reply = answered(opening, bob).reply
    html = Post.objects.get(pk=reply.pk).html

    for browser in (as_(alice), Client()):
        page = browser.get(opening.topic.get_absolute_url()).text
        assert "Muted" not in page
        assert html in page
    assert html in as_(bob).get(opening.topic.get_absolute_url()).text


def test_its_words_do_not_come_in_while_it_writes(
    as_, opening, bob, alice, maestro, muted
):
    ask = asks.ask(post=opening, member=alice, persona=maestro)
    piece, page = ask.get_absolute_url(), opening.topic.get_absolute_url()

    def shows_words(browser: Client) -> list[bool]:
        shown = [browser.get(page), browser.get(piece, headers={"HX-Request": "true"})]
        assert all(f'id="ask-{ask.request.public_id}"' in it.text for it in shown)
        return ["provisional" in it.text for it in shown]

    assert shows_words(as_(bob)) == [False, False]
    assert shows_words(as_(alice)) == shows_words(Client()) == [True, True]


def test_it_is_left_out_when_one_asks(as_, opening, bob, alice, maestro, muted):
    address = f"/posts/{opening.pk}/ask/"
    option = f'<option value="{maestro.pk}">'

    assert option not in as_(bob).get(address).text
    assert option in as_(alice).get(address).text
    assert as_(bob).post(address, {"persona": maestro.pk}).status_code == 422


def test_a_reply_leads_to_what_one_may_set(as_, opening, bob, alice, maestro, answered):
    link = '<a href="/personas/maestro/yours/">Mute or adjust<span'
    answered(opening, bob)
    address = opening.topic.get_absolute_url()
    assert link in as_(alice).get(address).text
    assert "/yours/" not in Client().get(address).text

    Persona.objects.filter(pk=maestro.pk).update(visibility=Visibility.PRIVATE)

    assert "/yours/" not in as_(alice).get(address).text


def test_a_topic_stays_within_its_queries(
    as_, opening, bob, answered, muted, django_assert_max_num_queries
):
    for _ in range(3):
        answered(opening, bob)
    browser = as_(bob)
    browser.get(opening.topic.get_absolute_url())

    with django_assert_max_num_queries(8):
        browser.get(opening.topic.get_absolute_url())
