"""The catalogue: who finds which persona, in which order, and what a page costs."""

import pytest
from django.test import Client

from accounts.models import User
from core.models import Handle
from personas.catalogue import PAGE_SIZE
from personas.models import (
    Persona,
    PersonaAlias,
    PersonaVersion,
    UserPersonaSettings,
    Visibility,
)
from personas.services import drafts

pytestmark = pytest.mark.django_db

BUILTIN_COUNT = 9


def find(viewer: User | None, query: str = "") -> list[str]:
    """The names that the catalogue shows to `viewer`, in its order."""
    client = Client()
    if viewer:
        client.force_login(viewer)
    page = client.get(f"/personas/{query}")
    assert page.status_code == 200
    return [persona.name for persona in page.context["page"].rows]


@pytest.mark.requirement("R-52", "Q-40", "M-49")
def test_own_personas_come_first_then_all_by_name(alice, bob, make_persona):
    make_persona("zorro", owner=alice)
    make_persona("baker", owner=bob)
    make_persona("hermit", owner=bob, visibility=Visibility.PRIVATE)
    drafts.create_persona(creator=alice, name="Sketch", handle="sketch")

    names = find(alice)

    assert names[:3] == ["Sketch", "Zorro", "Baker"]
    assert names[3:] == sorted(names[3:], key=str.lower)
    assert "Hermit" not in names
    assert len(names) == BUILTIN_COUNT + 3


@pytest.mark.requirement("M-49")
def test_each_says_whose_it_is(client, alice, bob, make_persona):
    make_persona("zorro", owner=alice, visibility=Visibility.PRIVATE)
    make_persona("baker", owner=bob)
    drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    client.force_login(alice)

    page = client.get("/personas/").text

    assert page.count('<span class="tag">Yours</span>') == 2
    assert page.count('<span class="tag">Draft</span>') == 1
    assert page.count("· built-in") == BUILTIN_COUNT
    assert '@baker · by <a href="/u/bob/">@bob</a>' in page


@pytest.mark.requirement("M-49")
def test_of_two_of_one_name_one_s_own_comes_first(alice, make_persona):
    own = make_persona("conductor", owner=alice, visibility=Visibility.PRIVATE)
    Persona.objects.filter(pk=own.pk).update(name="Maestro")

    assert find(alice).count("Maestro") == 2
    assert find(alice)[0] == "Maestro"
    assert own.slug != Persona.objects.get(name="Maestro", is_builtin=True).slug


@pytest.mark.requirement("M-50", "R-52", "Q-51")
def test_a_guest_finds_public_personas_only(alice, make_persona):
    make_persona("baker", owner=alice)
    make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)
    make_persona("club", owner=alice, visibility=Visibility.GROUPS)
    drafts.create_persona(creator=alice, name="Sketch", handle="sketch")

    names = find(None)

    assert "Baker" in names
    assert set(names).isdisjoint({"Hermit", "Club", "Sketch"})


@pytest.mark.requirement("Q-40")
@pytest.mark.parametrize("role", ["staff", "root"])
def test_private_personas_of_others_are_in_nobody_s_catalogue(
    alice, staff, make_member, make_persona, role
):
    root = make_member("root-owner", is_staff=True, is_superuser=True)
    make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)

    assert "Hermit" not in find({"staff": staff, "root": root}[role])


@pytest.fixture
def soup_cook(bob, make_persona) -> Persona:
    return make_persona(
        "soupcook", owner=bob, name="Ladle", role="a Friend of broth", tags=["kitchen"]
    )


@pytest.mark.parametrize(
    "text", ["ladle", "soupc", "@SOUPCOOK", "FRIEND of", "kitch", " Ladle\u200b "]
)
def test_search_reads_names_handles_roles_and_tags(soup_cook, text):
    assert find(None, f"?q={text}") == ["Ladle"]


@pytest.mark.parametrize(
    "text", ["%", "_", "soup%cook", "x\x00y", "'", "\\", "{", "a" * 500]
)
def test_search_takes_any_text_as_text(client, soup_cook, text):
    page = client.get("/personas/", {"q": text})

    assert page.status_code == 200
    assert "Ladle" not in [it.name for it in page.context["page"].rows] or text == "{"


@pytest.mark.requirement("Q-40")
def test_search_knows_the_aliases_that_the_viewer_knows(alice, bob, soup_cook):
    PersonaAlias.objects.create(persona=soup_cook, name="Broth master")
    PersonaAlias.objects.create(persona=soup_cook, name="Grandma", user=alice)

    assert find(None, "?q=broth+master") == ["Ladle"]
    assert find(alice, "?q=grandma") == ["Ladle"]
    assert find(bob, "?q=grandma") == find(None, "?q=grandma") == []


@pytest.mark.requirement("M-52")
@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("domain", ["Maestro"]),
        ("character", []),
        ("kitchen", ["Ladle"]),
        ("specialist", ["Developer", "Document assistant", "Trip planner", "Writer"]),
        ("nothing", []),
    ],
)
def test_tags_narrow(soup_cook, tag, expected):
    assert find(None, f"?tag={tag}") == expected


@pytest.mark.requirement("M-53")
def test_departments_are_a_view_of_their_own(client, soup_cook):
    page = client.get("/personas/?q=a")
    assert '<a href="/personas/?q=a&amp;tag=department">Departments</a>' in page.text

    page = client.get("/personas/?q=a&tag=department")

    names = [it.name for it in page.context["page"].rows]
    assert names == ["Operations", "Support agent"]
    assert 'tag=department" aria-current="page"' in page.text
    assert "<option selected>department</option>" in page.text


@pytest.mark.requirement("M-52")
def test_free_tags_are_offered(client, alice, soup_cook, make_persona):
    make_persona("hermit", owner=alice, visibility="private", tags=["secrets"])

    page = client.get("/personas/")

    assert page.context["tags"][:4] == [
        "character",
        "department",
        "domain",
        "specialist",
    ]
    assert "kitchen" in page.context["tags"]
    assert "secrets" not in page.context["tags"]


@pytest.mark.requirement("M-75")
def test_own_personas_are_listed_with_role_tags_and_state(
    client, alice, soup_cook, make_persona
):
    make_persona("zorro", owner=alice, role="a masked rider", tags=["character"])
    draft = drafts.create_persona(creator=alice, name="Sketch", handle="sketch")
    client.force_login(alice)

    page = client.get("/personas/?source=yours")

    assert [it.name for it in page.context["page"].rows] == ["Sketch", "Zorro"]
    assert "a masked rider" in page.text
    assert "everybody · character" in page.text
    assert draft.persona.get_absolute_url() in page.text


def test_the_source_narrows(alice, soup_cook):
    assert find(alice, "?source=members") == ["Ladle"]
    assert len(find(alice, "?source=builtin")) == BUILTIN_COUNT
    assert find(None, "?source=yours") == []
    assert len(find(alice, "?source=nonsense")) == BUILTIN_COUNT + 1


def test_what_the_viewer_muted_is_marked(client, alice, bob, soup_cook):
    UserPersonaSettings.objects.create(user=alice, persona=soup_cook, is_muted=True)
    mark = '<span class="tag off">Muted</span>'

    client.force_login(alice)
    assert client.get("/personas/").text.count(mark) == 1
    assert "You muted this persona" in client.get(soup_cook.get_absolute_url()).text
    client.force_login(bob)
    assert mark not in client.get("/personas/").text
    assert "muted" not in client.get(soup_cook.get_absolute_url()).text


@pytest.mark.parametrize(
    "cursor", ["hermit", "1", "1.\x00", "x.1hermit", "9" * 19 + ".1a"]
)
def test_a_cursor_that_we_cannot_have_made_is_not_found(client, db, cursor):
    assert client.get("/personas/", {"after": cursor}).status_code == 404


@pytest.fixture
def many(alice, bob) -> None:
    """2,000 published personas with all the text a row can show, 40 of them alice's."""
    count = 2_000
    handles = Handle.objects.bulk_create(
        Handle(name=f"persona-{n:04}-{'x' * 17}", skeleton=f"persona{n:04}")
        for n in range(count)
    )
    personas = Persona.objects.bulk_create(
        Persona(
            handle=handle,
            name=f"{n % 97:02} {n:04} {'W' * 52}",
            slug=handle.name,
            tags=[f"{'t' * 26}{(n * k) % 1000:04}" for k in range(1, 7)],
            created_by=bob if n % 50 else alice,
        )
        for n, handle in enumerate(handles)
    )
    versions = PersonaVersion.objects.bulk_create(
        PersonaVersion(persona=persona, number=1, role="r" * 300)
        for persona in personas
    )
    for persona, version in zip(personas, versions, strict=True):
        persona.current_version = version
    Persona.objects.bulk_update(personas, ["current_version"])
    for persona in personas[::50]:
        persona.owners.create(user=alice)


@pytest.mark.requirement("R-52", "F-52")
def test_two_thousand_personas_cost_few_queries_and_bytes(
    client, alice, many, django_assert_max_num_queries
):
    client.force_login(alice)
    later = client.get("/personas/").context["page"].later
    for query in (
        "",
        "?q=persona",
        "?tag=department",
        "?source=members",
        later,
    ):
        with django_assert_max_num_queries(6):
            page = client.get(f"/personas/{query}")
        assert page.status_code == 200
        assert len(page.content) < 50_000, query


def test_each_persona_stands_on_one_page_whatever_is_narrowed(client, alice, many):
    client.force_login(alice)
    seen, address = [], "/personas/?source=members"
    while address:
        page = client.get(address).context["page"]
        assert len(page.rows) <= PAGE_SIZE
        seen += [persona.pk for persona in page.rows]
        address = page.later and f"/personas/{page.later}"

    assert len(seen) == len(set(seen)) == 2_000
    owned = set(alice.personaowner_set.values_list("persona", flat=True))
    assert set(seen[:40]) == owned
