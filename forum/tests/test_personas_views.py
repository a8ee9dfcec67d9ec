"""Personas in the forum: where to ask one, what its versions wrote, and links to them."""

import pytest

from forum import offers
from forum.forms.posts import TopicForm
from forum.models import NoticeKind, Post, Subforum, SubforumPersona
from forum.services import asks, posts
from forum.views.personas import PAGE_SIZE
from llmqueue.work import runner
from personas.models import Persona, Visibility
from personas.services import personas

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("M-64")
def test_a_sample_question_becomes_the_text_of_a_new_topic(
    as_, alice, subforum, maestro
):
    question = 'How "long" & how warm?</textarea>'
    client = as_(alice)

    page = client.get("/personas/maestro/ask/", {"body": question}, follow=True)

    assert page.redirect_chain[0][0].startswith("/s/kitchen/new/?body=How+%22long%22")
    assert page.context["form"]["body"].value() == question
    assert "how warm?&lt;/textarea&gt;</textarea>" in page.text


@pytest.mark.requirement("M-64")
def test_whom_one_came_to_ask_stays_chosen(as_, alice, subforum, maestro):
    client = as_(alice)
    new = client.get("/personas/maestro/ask/", follow=True)
    place = new.redirect_chain[0][0]
    assert '<input type="hidden" name="persona" value="maestro"' in new.text

    data = {"title": "Soup", "body": "Why?", "persona": "maestro"}
    answer = client.post(place, data, follow=True)

    opening = Post.objects.get()
    address = f"/posts/{opening.pk}/ask/?persona=maestro"
    assert answer.redirect_chain == [(address, 302)]
    assert f'<option value="{maestro.pk}" selected>' in answer.text
    for other in ("", "nobody", "\x00"):
        page = client.get(f"/posts/{opening.pk}/ask/", {"persona": other})
        assert page.status_code == 200
        assert '<option value="" selected>' in page.text


def test_a_text_in_an_address_is_cleaned_and_cut(as_, alice, subforum, settings):
    settings.MAX_POST_CHARS = 10
    page = as_(alice).get("/s/kitchen/new/", {"body": "so\u200bup\x00 " * 9})

    assert page.context["form"]["body"].value() == "soup soup "
    assert TopicForm()["body"].value() == ""


def test_a_text_in_an_address_is_nothing_that_was_sent(as_, alice, subforum):
    address = "/s/kitchen/new/?body=Words"

    answer = as_(alice).post(address, {"title": "Soup", "body": "Mine."})

    assert answer.status_code == 302
    assert Post.objects.get().body == "Mine."


@pytest.mark.requirement("M-64")
def test_whoever_asks_chooses_among_the_places_that_offer_it(
    as_, alice, subforum, maestro
):
    other, closed = (
        Subforum.objects.create(name=name, slug=name.lower())
        for name in ("Garden", "Quiet")
    )
    SubforumPersona.objects.create(subforum=other, persona=maestro)
    SubforumPersona.objects.create(
        subforum=closed, persona=Persona.objects.get(slug="writer")
    )

    page = as_(alice).get("/personas/maestro/ask/?body=Why%3F").text

    assert 'href="/s/kitchen/new/?body=Why%3F&amp;persona=maestro"' in page
    assert 'href="/s/garden/new/?body=Why%3F&amp;persona=maestro"' in page
    assert "/s/quiet/" not in page
    Subforum.objects.all().delete()
    assert "no subforum yet" in as_(alice).get("/personas/maestro/ask/").text


@pytest.mark.requirement("Q-56")
def test_a_persona_that_may_not_be_asked_has_no_such_page(
    client, as_, alice, bob, staff, subforum, make_persona
):
    make_persona("hermit", owner=bob, visibility=Visibility.PRIVATE)

    assert as_(bob).get("/personas/hermit/ask/").status_code == 302
    for browser in (client, as_(alice), as_(staff)):
        assert browser.get("/personas/hermit/ask/").status_code == 404


def test_a_page_lists_what_a_version_wrote(client, answered, opening, alice, maestro):
    first = answered(opening, alice, "About *two* hours.").reply
    gone = answered(opening, alice, "Never mind.").reply
    posts.delete_post(post=gone, actor=alice)
    maestro.current_version = maestro.versions.create(number=2, role="a cook")
    maestro.save()
    second = answered(opening, alice, "Three hours.").reply

    pages = [client.get(f"/personas/maestro/versions/{n}/posts/") for n in (1, 2)]

    assert [list(page.context["posts"]) for page in pages] == [[first], [second]]
    assert "About two hours." in pages[0].text
    assert first.get_absolute_url() in pages[0].text


def test_what_a_version_wrote_goes_on_on_other_pages(client, answered, opening, alice):
    reply = answered(opening, alice).reply
    for number in range(PAGE_SIZE):
        Post.objects.create(
            topic=reply.topic,
            number=number + 10,
            path=f"{reply.path}{number:05}",
            parent_number=reply.number,
            persona_version=reply.persona_version,
            body="Again.",
            html="<p>Again.</p>",
            render_version=1,
        )
    address = "/personas/maestro/versions/1/posts/"

    first = client.get(address)
    second = client.get(f"{address}?before={first.context['older']}")

    assert len(first.context["posts"]) == PAGE_SIZE
    assert list(second.context["posts"]) == [reply]
    assert second.context["older"] is None
    assert client.get(f"{address}?before=x").status_code == 404


@pytest.mark.requirement("F-29", "F-49")
def test_a_reply_and_its_receipt_lead_to_the_version_that_wrote_it(
    client, answered, opening, alice, maestro
):
    ask = answered(opening, alice)
    maestro.current_version = maestro.versions.create(number=2, role="a cook")
    maestro.save()

    topic = client.get(opening.topic.get_absolute_url()).text
    request = client.get(ask.request.get_absolute_url()).text

    link = '<a href="/personas/maestro/versions/1/">'
    assert f"{link}v1</a>" in topic
    assert '<h2 class="name"><a href="/personas/maestro/">Maestro</a></h2>' in topic
    assert f"{link}This version of the persona</a>" in topic
    assert f"{link}Maestro v1" in request


@pytest.mark.requirement("Q-40", "Q-51")
def test_nothing_leads_to_a_private_persona_s_page(
    client, as_, answered, opening, alice, bob, make_persona
):
    hermit = make_persona("hermit", owner=alice)
    ask = answered(opening, alice)
    Post.objects.filter(pk=ask.reply_id).update(persona_version=hermit.current_version)
    ask.request.last_attempt.persona_version = hermit.current_version
    ask.request.last_attempt.save()
    addresses = opening.topic.get_absolute_url(), ask.request.get_absolute_url()
    for address in addresses:
        assert "/personas/hermit/versions/1/" in client.get(address).text
    Persona.objects.filter(pk=hermit.pk).update(visibility=Visibility.PRIVATE)

    for address in addresses:
        assert "/personas/hermit/" not in client.get(address).text
        assert "/personas/hermit/" not in as_(bob).get(address).text
        assert "/personas/hermit/versions/1/" in as_(alice).get(address).text
    assert "deleted persona" not in client.get(addresses[0]).text


@pytest.mark.requirement("F-50", "R-49")
def test_replies_of_a_deleted_persona_stay_under_its_name(
    client, answered, opening, alice, make_persona
):
    chef = make_persona("chef", owner=alice)
    ask = answered(opening, alice)
    Post.objects.filter(pk=ask.reply_id).update(persona_version=chef.current_version)

    personas.delete_persona(persona=chef, actor=alice)

    page = client.get(opening.topic.get_absolute_url()).text
    assert '<h2 class="name">Chef</h2>' in page
    assert "v1 · deleted persona" in page
    assert "/personas/chef/" not in page


@pytest.mark.requirement("F-54", "C-21")
def test_what_waits_for_a_deleted_persona_is_answered_by_another(
    as_, opening, alice, bob, subforum, fake_config, fake_llm, make_persona
):
    chef = make_persona("chef", owner=alice)
    for persona, is_default in (
        (chef, True),
        (Persona.objects.get(slug="writer"), False),
    ):
        SubforumPersona.objects.create(
            subforum=subforum, persona=persona, is_default=is_default
        )
    Persona.objects.filter(pk=chef.pk).update(is_global_default=True)
    wished = asks.ask(post=opening, member=bob, persona=chef)
    anyone = asks.ask(post=opening, member=bob)
    fake_llm.always_answers("Two hours.")

    as_(alice).post("/personas/chef/delete/")
    while runner.run_next():
        pass

    for ask in (wished, anyone):
        ask.refresh_from_db()
        assert ask.reply.author_name == "Companion"
        assert ask.notice.kind == NoticeKind.READY
    page = as_(bob).get(opening.topic.get_absolute_url()).text
    assert page.count("no longer there") == 1
    assert subforum.assignments.filter(persona=chef).exists()
    assert list(
        offers.offered_personas(offers.assignments_of(subforum), bob).values_list(
            "slug", flat=True
        )
    ) == [
        "companion",
        "writer",
    ]
