"""The lists of assignments from both sides, and the bar of personas."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.models import SiteSettings
from forum import offers
from forum.models import Subforum, SubforumPersona
from forum.services import assignments
from personas.models import Persona, Visibility
from personas.services.drafts import create_persona
from personas.services.personas import delete_persona

pytestmark = pytest.mark.django_db

HERE = "/s/kitchen/personas/"
CHANGE = "/s/kitchen/personas/change/"
THERE = "/personas/maestro/subforums/"


@pytest.fixture
def hermit(make_persona, alice, subforum) -> Persona:
    """alice's own, assigned to the kitchen, which nobody else may use."""
    persona = make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)
    assignments.assign(subforum=subforum, persona=persona, actor=alice)
    return persona


@pytest.fixture
def only_staff(db) -> None:
    SiteSettings.objects.update_or_create(pk=1, defaults={"only_staff_assign": True})


@pytest.fixture
def crowd(subforum, alice, make_persona) -> list[Persona]:
    """200 assigned personas, with long roles and names."""
    made = [
        make_persona(
            f"expert-{n}",
            name=f"Expert number {n:03} for soups",
            owner=alice,
            role="Knows everything about soups. " * 9,
        )
        for n in range(200)
    ]
    SubforumPersona.objects.bulk_create(
        SubforumPersona(subforum=subforum, persona=it, assigned_by=alice) for it in made
    )
    return made


@pytest.mark.requirement("F-30", "F-46", "F-04", "F-34")
def test_a_member_assigns_makes_default_and_takes_away(as_, bob, subforum, maestro):
    browser = as_(bob)

    added = browser.post(CHANGE, {"add": maestro.pk}, follow=True).text
    chosen = browser.post(CHANGE, {"default": maestro.pk}, follow=True).text
    cleared = browser.post(CHANGE, {"clear": "yes"}, follow=True).text
    removed = browser.post(CHANGE, {"remove": maestro.pk}, follow=True).text

    assert "Maestro is assigned to Kitchen." in added
    assert "chooses among these" in added
    assert "Maestro is the default in Kitchen." in chosen
    assert '<span class="tag">default</span>' in chosen
    assert "has no default persona now" in cleared
    assert '<span class="tag">default</span>' not in cleared
    assert "That means any" in removed


@pytest.mark.requirement("F-30")
def test_the_same_from_the_persona_s_side(as_, bob, subforum, maestro):
    browser = as_(bob)

    added = browser.post(f"{THERE}change/", {"add": subforum.pk}, follow=True).text
    browser.post(f"{THERE}change/", {"default": subforum.pk})
    chosen = browser.get(THERE).text
    removed = browser.post(f"{THERE}change/", {"remove": subforum.pk}, follow=True).text

    assert "Maestro is assigned to Kitchen." in added
    assert "default there" in chosen
    assert "It is not assigned to a subforum." in removed
    assert f'value="{subforum.pk}">Assign' in removed


@pytest.mark.requirement("F-30")
def test_it_is_said_before_the_first_persona_narrows_the_choice(
    as_, bob, subforum, maestro, hermit
):
    browser = as_(bob)

    before = [browser.get(page).text for page in (HERE, THERE)]
    SubforumPersona.objects.create(
        subforum=subforum, persona=Persona.objects.get(slug="companion")
    )
    after = [browser.get(page).text for page in (HERE, THERE)]

    assert "So far any persona can be asked in Kitchen." in before[0]
    assert "only those assigned can be asked once Maestro is among them" in before[1]
    assert "offers every persona so far" in before[1]
    assert "So far any persona" not in after[0]
    assert "every persona so far" not in after[1]


@pytest.mark.requirement("F-34")
def test_it_names_who_answers_where_nobody_is_asked(client, subforum, maestro):
    Persona.objects.update(is_global_default=False)
    without = client.get(HERE).text
    Persona.objects.filter(pk=maestro.pk).update(is_global_default=True)

    assert "the built-in persona answers" in without
    assert '<a href="/personas/companion/">Companion</a>' in without
    page = client.get(HERE).text
    assert "the site's default answers" in page
    assert '<a href="/personas/maestro/">Maestro</a>: this subforum' in page


@pytest.mark.requirement("F-34", "Q-40", "C-08")
def test_a_private_persona_shows_nothing_to_others(
    client, as_, alice, bob, staff, topic, hermit
):
    pages = ["/s/kitchen/", HERE, topic.get_absolute_url()]

    seen = {
        name: [path for path in pages if "Hermit" in browser.get(path).text]
        for name, browser in (
            ("alice", as_(alice)),
            ("bob", as_(bob)),
            ("staff", as_(staff)),
            ("guest", client),
        )
    }

    assert seen == {"alice": pages, "bob": [], "staff": [], "guest": []}
    assert "That means any" in as_(bob).get(HERE).text
    assert "Any persona can be asked here" in as_(bob).get("/s/kitchen/").text
    assert "the choice stays free" in as_(alice).get(HERE).text


@pytest.mark.requirement("C-08", "F-04")
@pytest.mark.parametrize("act", ["add", "remove", "default"])
@pytest.mark.parametrize("value", ["hermit", "0", "x", "\x00", "9" * 40])
def test_a_bad_id_is_said_and_leaves_the_default(
    as_, bob, subforum, maestro, hermit, act, value
):
    assignments.assign(subforum=subforum, persona=maestro, actor=bob)
    assignments.set_default(subforum=subforum, persona=maestro, actor=bob)

    answer = as_(bob).post(CHANGE, {act: hermit.pk if value == "hermit" else value})

    assert answer.status_code == 422
    assert "This persona cannot be asked here." in answer.text
    assert SubforumPersona.objects.get(is_default=True).persona == maestro
    assert SubforumPersona.objects.count() == 2


def test_a_default_that_went_meanwhile_is_said(as_, bob, subforum, maestro):
    answer = as_(bob).post(CHANGE, {"default": maestro.pk})

    assert answer.status_code == 422
    assert "not assigned here any more" in answer.text


@pytest.mark.requirement("C-08", "Q-60", "F-46")
@pytest.mark.usefixtures("only_staff")
def test_where_staff_assign_others_are_told_so_politely(
    as_, bob, staff, subforum, maestro
):
    page = as_(bob).get(HERE).text
    assert "On this site staff assign personas." in as_(bob).get(THERE).text
    answers = [
        as_(bob).post(CHANGE, {"add": maestro.pk}),
        as_(bob).post(f"{THERE}change/", {"add": subforum.pk}),
    ]

    assert "<button" not in page.split("<main", 1)[1]
    for answer in answers:
        assert answer.status_code == 403
        assert "only staff assign personas" in answer.text
    assert not SubforumPersona.objects.exists()
    assert as_(staff).post(CHANGE, {"add": maestro.pk}).status_code == 302


def test_guests_look_and_are_sent_to_sign_in(client, bob, subforum, maestro):
    assignments.assign(subforum=subforum, persona=maestro, actor=bob)

    page = client.get(HERE).text.split("<main", 1)[1]
    answer = client.post(CHANGE, {"add": maestro.pk})

    assert "Maestro" in page
    assert "<button" not in page
    assert answer["Location"].startswith("/accounts/login/")


def test_a_draft_is_not_assigned(as_, alice, subforum):
    draft = create_persona(creator=alice, name="Sketch", handle="sketch")
    browser = as_(alice)

    page = browser.get("/personas/sketch/subforums/").text
    answer = browser.post(
        "/personas/sketch/subforums/change/", {"add": str(subforum.pk)}
    )

    assert "Once it is published" in page
    assert "Assign it to" not in page
    assert answer.status_code == 422
    assert not SubforumPersona.objects.filter(persona=draft.persona).exists()


def test_what_can_be_added_is_searched(as_, bob, subforum, hermit):
    found = as_(bob).get(HERE, {"q": "@mae"}).text
    nothing = as_(bob).get(HERE, {"q": "hermit"}).text

    assert "Maestro" in found
    assert "Writer" not in found.split("<main", 1)[1]
    assert "No other persona that you may use is called so." in nothing


@pytest.mark.requirement("F-05", "F-44", "F-34")
def test_200_personas_are_paged_within_bounds(
    client, as_, bob, subforum, crowd, topic, django_assert_max_num_queries
):
    SiteSettings.load()
    browser, address, seen = as_(bob), HERE, []
    with django_assert_max_num_queries(8):
        browser.get(HERE)
    while address:
        answer = browser.get(address)
        page = answer.context["page"]
        seen += [entry.persona_id for entry in page.rows]
        assert len(answer.content) <= 50_000
        address = f"{HERE}{page.later}" if page.later else ""

    assert seen == [it.pk for it in crowd]
    with django_assert_max_num_queries(6):
        listed = browser.get("/s/kitchen/").text
    assert "All 200 personas" in listed
    assert listed.count("Expert number") == 8
    with CaptureQueriesContext(connection) as member:
        assert len(browser.get(topic.get_absolute_url()).content) <= 50_000
    with CaptureQueriesContext(connection) as guest:
        client.get(topic.get_absolute_url())
    assert (len(member) <= 8, len(guest) <= 5) == (True, True)


@pytest.mark.requirement("F-44")
def test_a_persona_in_many_subforums_is_paged_within_bounds(
    as_, bob, maestro, django_assert_max_num_queries
):
    made = [Subforum.objects.create(name=f"S {n:03}", slug=f"s{n}") for n in range(90)]
    SubforumPersona.objects.bulk_create(
        SubforumPersona(subforum=it, persona=maestro, assigned_by=bob) for it in made
    )

    SiteSettings.load()
    browser = as_(bob)
    with django_assert_max_num_queries(8):
        first = browser.get(THERE)
    second = browser.get(f"{THERE}{first.context['page'].later}")

    assert len(first.content) <= 50_000
    assert first.context["page"].rows[0].subforum == made[0]
    assert second.context["page"].rows[0].subforum == made[40]


@pytest.mark.parametrize("cursor", ["x", "1", "-1.a", "1.\x00", "9" * 19 + ".a"])
def test_a_cursor_we_did_not_make_is_not_found(client, subforum, cursor):
    assert client.get(HERE, {"after": cursor}).status_code == 404


def test_a_page_that_is_shown_again_with_an_error_leads_on(as_, bob, subforum, crowd):
    answer = as_(bob).post(f"{CHANGE}?q=mae", {"default": 0})

    assert f'<a rel="next" href="{HERE}?q=mae&amp;after=' in answer.text


@pytest.mark.requirement("F-34")
def test_the_bar_marks_the_default_and_comes_before_the_others(
    client, topic, bob, maestro
):
    chosen = Persona.objects.get(slug="writer")
    for persona in (maestro, chosen):
        assignments.assign(subforum=topic.subforum, persona=persona, actor=bob)
    assignments.set_default(subforum=topic.subforum, persona=chosen, actor=bob)

    for address in ("/s/kitchen/", topic.get_absolute_url()):
        bar = (
            client.get(address).text.split('class="persona-bar"')[1].split("</nav>")[0]
        )
        assert bar.index("Writer") < bar.index("default") < bar.index("Maestro")
        assert bar.count("default") == 1
        assert 'href="/personas/writer/"' in bar
        assert f'href="{HERE}"' in bar


@pytest.mark.requirement("F-42", "F-50", "C-21")
def test_a_deleted_persona_still_narrows_until_it_is_taken_away(
    client, as_, alice, bob, topic, subforum, make_persona
):
    chef = make_persona("chef", owner=alice)
    assignments.assign(subforum=subforum, persona=chef, actor=alice)
    assignments.set_default(subforum=subforum, persona=chef, actor=alice)
    delete_persona(persona=chef, actor=alice)
    browser, free = as_(bob), "Any persona can be asked here"

    listed = browser.get(HERE).text
    narrowed = [
        client.get("/s/kitchen/").text,
        client.get(topic.get_absolute_url()).text,
    ]
    offered = list(offers.offered_personas(offers.assignments_of(subforum), bob))
    again = browser.post(CHANGE, {"add": chef.pk})
    removed = browser.post(CHANGE, {"remove": chef.pk}, follow=True).text

    assert "A deleted persona" in listed
    assert "Chef" not in listed
    assert "That means any" not in listed
    assert not any(free in page for page in narrowed)
    assert [it.slug for it in offered] == ["companion"]
    assert again.status_code == 422
    assert "A deleted persona is not assigned to Kitchen now." in removed
    assert "That means any" in removed
    assert free in client.get("/s/kitchen/").text
    assert "A deleted persona" not in client.get(HERE).text


@pytest.mark.requirement("F-42", "C-08")
def test_who_may_not_assign_takes_no_deleted_persona_away(
    as_, alice, bob, subforum, make_persona, only_staff
):
    chef = make_persona("chef", owner=alice)
    SubforumPersona.objects.create(subforum=subforum, persona=chef)
    delete_persona(persona=chef, actor=alice)

    refused = as_(bob).post(CHANGE, {"remove": chef.pk})

    assert refused.status_code == 403
    assert "A deleted persona" not in as_(bob).get(HERE).text
    assert SubforumPersona.objects.exists()


@pytest.mark.requirement("Q-40", "C-08")
def test_a_deleted_private_persona_is_there_for_its_owner_alone(
    as_, alice, bob, subforum, hermit
):
    delete_persona(persona=hermit, actor=alice)

    assert "A deleted persona" in as_(alice).get(HERE).text
    assert "A deleted persona" not in as_(bob).get(HERE).text
    assert as_(bob).post(CHANGE, {"remove": hermit.pk}).status_code == 422
