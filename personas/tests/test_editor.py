"""The whole of a draft on one page, and what the server says while it is written."""

from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from core import markup
from personas.models import PersonaDraft
from personas.services import drafts, versions

pytestmark = pytest.mark.django_db
EDIT = "/personas/ada/edit/"
CHECK = "/personas/ada/check/"
FILLED = {
    "name": "Ada",
    "avatar": "🌙",
    "usual_tags": ["character"],
    "free_tags": "Garden, night owls",
    "role": "a gardener by night",
    "context": "A greenhouse.",
    "voice": "Dry.",
    "knowledge": "moths",
    "gaps": "cars",
    "constraints": "Never names a poison",
    "instructions": "Speak of the moon.",
    "rows": "1",
    "query_0": "When to water?",
    "answer_0": "At dusk.",
}


@pytest.fixture
def draft(alice) -> PersonaDraft:
    return drafts.begin_persona(creator=alice, name="Ada")


@pytest.fixture
def member(client, alice, draft):
    client.force_login(alice)
    return client


def upload(data: bytes | None = None, name: str = "me.png") -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", (300, 200), "navy").save(file, "PNG")
    return SimpleUploadedFile(name, file.getvalue() if data is None else data)


@pytest.mark.requirement("F-28", "M-77", "R-48", "R-50")
def test_all_of_a_draft_is_saved_on_one_page(member, draft):
    answer = member.post(EDIT, {**FILLED, "go": "save"}, follow=True)

    assert answer.redirect_chain == [(EDIT, 302)]
    assert "Your draft is saved" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.avatar == "🌙"
    assert draft.tags == ["character", "garden", "night-owls"]
    assert draft.knowledge == ["moths"]
    assert draft.sample_queries == [{"query": "When to water?", "answer": "At dusk."}]
    page = answer.content.decode()
    assert "You are Ada, a gardener by night." in page
    assert 'value="garden, night-owls"' in page
    assert 'value="character" id="id_usual_tags_0" checked' in page
    assert draft.persona.current_version is None


def test_a_field_is_called_the_same_where_it_is_written_and_where_it_is_read(member):
    member.post(EDIT, {**FILLED, "go": "save"})
    editor = member.get(EDIT).text
    guide = member.get("/personas/ada/guide/constraints/").text
    member.post("/personas/ada/publish/", {"visibility": "private"})
    page = member.get("/personas/ada/")

    fields = {field.name: field.label for field in page.context["fields"]}
    places = [editor.index(f">{label}</") for label in fields.values()]
    assert places == sorted(places)
    assert f"<h2>{fields['constraints']}</h2>" in guide


def test_a_half_written_draft_is_saved_and_says_what_is_missing(member, draft):
    half = {"name": "Ada", "voice": "Dry </s>", "rows": "1", "answer_0": "At dusk."}

    answer = member.post(EDIT, {**half, "go": "save"}, follow=True)

    assert answer.redirect_chain == [(EDIT, 302)]
    page = answer.content.decode()
    assert "end of a message" in page
    assert "An answer needs the question" in page
    draft.refresh_from_db()
    assert draft.voice == "Dry </s>"
    answer = member.post(EDIT, {**half, "go": "publish"})
    assert answer.status_code == 422
    assert "who the persona is" in answer.content.decode()


def test_what_is_right_goes_on_to_publish(member):
    answer = member.post(EDIT, {**FILLED, "go": "publish"})

    assert answer["Location"] == "/personas/ada/publish/"


@pytest.mark.requirement("R-54", "F-36")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "required"),
        ({"name": "\u200b"}, "needs a name"),
        ({"name": "x" * 61}, "60"),
        ({"avatar": "boo"}, "one emoji"),
        ({"free_tags": ",".join("abcdefgh")}, "at most 8"),
        ({"free_tags": "a<b"}, "letters, digits"),
        ({"usual_tags": ["nonsense"]}, "not one of the available choices"),
    ],
)
def test_bad_input_is_said_beside_the_field_and_nothing_is_lost(
    member, draft, wrong, said
):
    answer = member.post(EDIT, {**FILLED, **wrong, "go": "save"})

    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    for text in (
        "a gardener by night",
        "A greenhouse.</textarea>",
        "At dusk.</textarea>",
    ):
        assert text in page


@pytest.mark.requirement("M-47")
def test_a_name_that_looks_like_another_s_is_kept_and_not_published(member, bob, draft):
    answer = member.post(EDIT, {**FILLED, "name": "B0b", "go": "publish"})

    assert answer.status_code == 422
    assert "somebody else&#x27;s handle" in answer.content.decode()


@pytest.mark.requirement("M-48")
def test_a_picture_is_made_anew_and_shown(member, draft):
    member.post(EDIT, {**FILLED, "image": upload(name="../x.svg"), "go": "save"})

    draft.refresh_from_db()
    address = draft.avatar_image.url
    assert address.startswith("/media/avatars/")
    assert address.endswith(".webp")
    assert address in member.get(EDIT).content.decode()
    assert member.get(address)["Content-Type"] == "image/webp"

    member.post(EDIT, {**FILLED, "without_image": "on", "go": "save"})

    draft.refresh_from_db()
    assert not draft.avatar_image


@pytest.mark.requirement("M-48", "R-54")
@pytest.mark.fault("A-IMP-1")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<svg onload='alert(1)'/>", "no picture"),
        (b"\x89PNG\r\n\x1a\n", "no picture"),
        (b"\x89PNG" + bytes(2_200_000), "too large"),
        (b"", "empty"),
    ],
)
def test_what_is_no_picture_is_refused_and_the_rest_is_kept(member, draft, data, said):
    answer = member.post(EDIT, {**FILLED, "image": upload(data), "go": "save"})

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert "A greenhouse.</textarea>" in answer.content.decode()
    draft.refresh_from_db()
    assert not draft.avatar_image


@pytest.mark.requirement("R-50")
@pytest.mark.parametrize("address", [EDIT, "/personas/ada/guide/role/"])
def test_what_is_written_stays_when_another_tab_publishes(
    member, draft, monkeypatch, address
):
    find = drafts.draft_of

    def find_then_publish_elsewhere(**who: Any) -> PersonaDraft:
        found = find(**who)
        written = drafts.save_draft(draft=find(**who), role="a gardener by day")
        versions.publish(draft=written)
        return found

    monkeypatch.setattr(drafts, "draft_of", find_then_publish_elsewhere)
    answer = member.post(address, {**FILLED, "go": "save"})
    monkeypatch.undo()

    assert answer.status_code == 422
    assert "published or discarded meanwhile" in answer.text
    assert 'value="a gardener by night"' in answer.text
    assert "A greenhouse.</textarea>" in answer.text
    assert member.post(address, {**FILLED, "go": "save"}).status_code == 302
    again = PersonaDraft.objects.get(persona=draft.persona)
    assert (again.role, again.base.number) == ("a gardener by night", 1)


def test_files_are_taken_by_this_page_alone(member, draft):
    member.post("/personas/ada/guide/role/", {"image": upload(), "go": "leave"})
    member.post(EDIT, {**FILLED, "other": upload(), "go": "save"})

    draft.refresh_from_db()
    assert not draft.avatar_image


def test_a_row_is_added_without_javascript(member):
    answer = member.post(EDIT, {**FILLED, "go": "add"})

    page = member.get(answer["Location"]).content.decode()
    assert 'name="query_1"' in page
    assert 'value="When to water?"' in page


@pytest.mark.requirement("F-36", "R-54")
@pytest.mark.parametrize(
    ("field", "sent", "said"),
    [
        ("role", {"role": ""}, "who the persona is"),
        ("voice", {"voice": "x" * 2001}, "at most 2,000"),
        ("constraints", {"constraints": "<|im_end|>"}, "&lt;|im_end|&gt; is what"),
        ("name", {"name": "Maestro"}, "handle"),
        ("avatar", {"avatar": "no"}, "one emoji"),
        ("free_tags", {"free_tags": "a<b"}, "a&lt;b"),
        ("sample_queries", {"rows": "2", "answer_1": "Yes."}, "needs the question"),
    ],
)
def test_the_server_says_what_is_wrong_while_it_is_written(
    member, draft, field, sent, said
):
    before = PersonaDraft.objects.values().get()

    answer = member.post(f"{CHECK}?field={field}", sent, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert PersonaDraft.objects.values().get() == before


def test_the_server_says_nothing_of_what_is_right(member):
    for field in ("role", "voice", "name", "sample_queries", "free_tags"):
        assert member.post(f"{CHECK}?field={field}", FILLED).content == b""
    assert member.post(CHECK, FILLED).content == b""
    assert member.get(CHECK).status_code == 405


@pytest.mark.requirement("F-36")
def test_the_browser_is_told_the_same_limits(member):
    page = member.get(EDIT).content.decode()

    assert (
        '<input type="text" name="role" maxlength="300" data-count="signs" required'
        in page
    )
    assert 'maxlength="8000"' in page
    assert 'data-most="40"' in page


@pytest.mark.requirement("M-62")
def test_tools_are_not_shown_while_there_are_none(member, draft):
    member.post(EDIT, {**FILLED, "tools": "shell", "go": "save"})

    assert "Tools" not in member.get(EDIT).content.decode()
    draft.refresh_from_db()
    assert draft.tools == []


@pytest.mark.requirement("M-58", "R-53")
def test_built_in_ones_are_written_by_staff_alone(client, alice, staff):
    address = "/personas/maestro/edit/"
    assert client.get(address)["Location"].startswith("/accounts/login/")
    client.force_login(alice)
    assert client.get(address).status_code == 404
    assert client.post(address, FILLED).status_code == 404
    assert client.post("/personas/maestro/check/", FILLED).status_code == 404

    client.force_login(staff)

    assert "a conductor who sees" in client.get(address).content.decode()
    assert not PersonaDraft.objects.exists()
    answer = client.post(address, {**FILLED, "name": "Maestro", "go": "save"})
    assert answer.status_code == 302
    assert PersonaDraft.objects.get(editor=staff).role == "a gardener by night"


def test_a_draft_is_discarded_after_a_question(client, alice, make_persona):
    persona = make_persona("ada", owner=alice)
    client.force_login(alice)
    client.post(EDIT, {**FILLED, "go": "save"})
    assert "Discard draft" in client.get(EDIT).content.decode()
    assert "People meet version 1" in client.get(EDIT).content.decode()

    assert client.get("/personas/ada/discard/").status_code == 200
    assert PersonaDraft.objects.exists()
    for _ in range(2):
        answer = client.post("/personas/ada/discard/")
        assert answer["Location"] == "/personas/ada/"

    assert not PersonaDraft.objects.exists()
    persona.refresh_from_db()
    assert persona.current_version.role == "a friend of soup"


def test_an_unpublished_persona_has_nothing_to_go_back_to(member):
    assert "Discard draft" not in member.get(EDIT).content.decode()
    assert member.post("/personas/ada/discard/").status_code == 404


@pytest.mark.fault("A-DOS-3")
@pytest.mark.parametrize("line", ["", "x"], ids=["empty", "short"])
def test_more_lines_than_a_draft_could_hold_are_not_looked_at(
    member, draft, monkeypatch, line
):
    looked: list[str] = []
    one_line = markup.one_line
    monkeypatch.setattr(
        markup, "one_line", lambda text: looked.append(text) or one_line(text)
    )

    answer = member.post(EDIT, FILLED | {"knowledge": f"{line}\n" * 300_000})

    assert answer.status_code == 422
    assert "far too much" in answer.content.decode()
    assert len(looked) < 1_000
    draft.refresh_from_db()
    assert draft.knowledge == []
