"""A member's page and their profile."""

import pytest

from accounts.models import User

pytestmark = pytest.mark.django_db

VALUES = {"display_name": "Alice L.", "bio": "I read.", "timezone": "Europe/Berlin"}


def test_a_members_page_is_public(client, alice):
    alice.bio = "I <b>read</b>."
    alice.save()

    page = client.get("/u/Alice/").content.decode()

    assert "@alice" in page
    assert "I &lt;b&gt;read&lt;/b&gt;." in page
    assert 'hx-get="/u/alice/posts/"' in page


@pytest.mark.parametrize("handle", ["nobody-here", "maestro", "a b", "%00"])
def test_an_unknown_member_is_not_found(client, db, handle):
    assert client.get(f"/u/{handle}/").status_code == 404


def test_a_member_edits_their_profile(client, alice):
    client.force_login(alice)

    response = client.post("/settings/", VALUES)

    assert response["Location"] == "/settings/"
    alice.refresh_from_db()
    assert (alice.display_name, alice.bio) == ("Alice L.", "I read.")
    assert alice.timezone == "Europe/Berlin"


@pytest.mark.requirement("F-41")
@pytest.mark.fault("B8")
def test_a_name_is_stored_without_invisible_characters(client, alice):
    client.force_login(alice)

    client.post("/settings/", VALUES | {"display_name": "A\u202el\u200bice"})

    alice.refresh_from_db()
    assert alice.display_name == "Alice"


@pytest.mark.parametrize(
    "name",
    [
        "Admin",
        "Аdmin",  # the first letter is Cyrillic
        "S.t.a.f.f",
        "Site owner",
        "bob",
        "BOB",
        "b0b",
        "βob",
        "Maestro",
        "Мaestrо",  # two letters are Cyrillic
        "Maëstro",
        "ＭＡＥＳＴＲＯ",
        "Maestro ✓",
        "Document assistant",
        "Documentassistant",
        "ꓟꓮꓰꓢꓔꓣꓳ",
        "ᎷᎪᎬᏚᎢᏒᎾ",
        "ⲘⲀⲈⲤⲦⲢⲞ",
        "Maestrօ",
        "Maestrσ",
        "Maestгo",
        "Маеѕтго",  # all of it Cyrillic
        "Maestr๐",
        "🅼aestro",
        "Maestro\uffa0",
        "Admiո",
        "ꜱupport",
        "🇦🇩🇲🇮🇳",
        "Maestro (AI persona)",
        "Maestro AI",
        "Maestro v1",
        "MaestroBot",
        "The real Maestro",
        "Document assistant, official",
        "FORLLM staff",
        "FORLLM Team",
        "Forum Moderator",
        "Administrator of FORLLM",
        "AI persona",
    ],
)
def test_a_name_that_looks_like_somebody_elses_is_refused(client, alice, bob, name):
    client.force_login(alice)

    page = client.post("/settings/", VALUES | {"display_name": name})

    assert page.status_code == 422
    assert 'class="errorlist"' in page.content.decode()
    assert name.replace("\uffa0", "") in page.content.decode()
    alice.refresh_from_db()
    assert (alice.display_name, alice.bio) == ("", "")


@pytest.mark.parametrize(
    "name",
    [
        "Alice",
        "A1ICE",
        "Ålice",
        "Bobby",
        "Anna",
        "Nguyễn Thị Minh Khai",
        "Ọlábísí Ɔkɛ",
        "Александр Пушкин",
        "Дмитро Їжак",
        "Νίκος Καζαντζάκης",
        "Անի Մարտիրոսյան",
        "ნინო",
        "محمد العربي",
        "דוד כהן",
        "अमिता शर्मा",
        "สมชาย ใจดี",
        "김민준",
        "山田",
        "山田ハナコ",
        "Ken太郎",
        "ﾔﾏﾀﾞ",
        "Анна Smith",
        "Kai",
        "Lea 🌻",
        "A friend of the general",
        "Botanist",
        "Jean-Luc O’Neill 3",
        "Staffan Official-Lindqvist",
    ],
)
def test_a_name_of_ones_own_is_kept(client, alice, bob, name):
    client.force_login(alice)

    client.post("/settings/", VALUES | {"display_name": f" {name}\u2003"})

    alice.refresh_from_db()
    assert alice.display_name == name


def test_a_name_from_before_does_not_stand_in_the_way(client, make_member):
    member = make_member("gwen", display_name="Maestro")
    client.force_login(member)

    client.post("/settings/", VALUES | {"display_name": "Maestro"})

    member.refresh_from_db()
    assert member.bio == "I read."


@pytest.mark.parametrize("name", ["\u2800", "\u200b", " \u3000 "])
def test_a_name_nobody_can_see_is_none(client, alice, name):
    client.force_login(alice)

    client.post("/settings/", VALUES | {"display_name": name})

    alice.refresh_from_db()
    assert alice.name == "alice"


@pytest.mark.requirement("F-41")
@pytest.mark.parametrize(
    "wrong",
    [
        {"display_name": "x" * 61},
        {"display_name": "a\x00b"},
        {"bio": "x" * 2001},
        {"timezone": "Mars/Base"},
        {"timezone": ""},
    ],
)
def test_a_bad_profile_is_explained_and_changes_nothing(client, alice, wrong):
    client.force_login(alice)

    page = client.post("/settings/", VALUES | wrong)

    assert page.status_code == 422
    assert 'class="errorlist"' in page.content.decode()
    assert "I read." in page.content.decode() or "bio" in wrong
    assert User.objects.get().display_name == ""


def test_a_guest_is_sent_to_sign_in_and_back(client, db):
    assert client.get("/settings/")["Location"] == "/accounts/login/?next=/settings/"


@pytest.mark.parametrize("path", ["//evil.example/x", "///evil.example/x", "/\\evil/x"])
def test_the_way_back_stays_on_this_site(client, path):
    answer = client.post("/settings/", headers={"Referer": f"http://testserver{path}"})

    assert answer.status_code == 302
    assert "next=/evil" in answer["Location"].replace("%2F", "/").replace("%5C", "\\")
