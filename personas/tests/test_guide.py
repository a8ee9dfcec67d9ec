"""The guide: five pages and a sixth, each kept as it was left."""

import pytest
from django.urls import reverse

from personas.models import PersonaDraft
from personas.services import drafts

pytestmark = pytest.mark.django_db

WRITTEN = {
    "role": {"role": "a gardener by night", "context": "A greenhouse."},
    "voice": {"voice_kind": "warm", "voice": "Likes moths."},
    "knowledge": {"knowledge": "moths\nclay\n\n", "gaps": "cars"},
    "constraints": {"constraints": "Never names a poison"},
    "samples": {
        "rows": "3",
        "query_0": "When to water?",
        "answer_0": "At dusk.",
        "query_2": "Which moth is that?",
        "answer_2": "",
    },
    "review": {"instructions": "Speak of the moon now and then."},
}


@pytest.fixture
def draft(alice) -> PersonaDraft:
    return drafts.begin_persona(creator=alice, name="Ada")


@pytest.fixture
def member(client, alice, draft):
    client.force_login(alice)
    return client


def address(step: str) -> str:
    return reverse("personas:guide_step", args=["ada", step])


@pytest.mark.requirement("F-01", "M-60", "M-79", "M-80", "Q-34", "R-48")
def test_five_steps_lead_to_the_page_that_shows_what_models_are_told(member, draft):
    goal = address("role")
    for step, data in WRITTEN.items():
        assert goal == address(step)
        assert member.get(goal).status_code == 200
        goal = member.post(goal, {**data, "go": "next"})["Location"]

    assert goal == "/personas/ada/publish/"
    draft.refresh_from_db()
    assert draft.definition == {
        "role": "a gardener by night",
        "context": "A greenhouse.",
        "voice": "Warm and patient; explains one step at a time.\nLikes moths.",
        "knowledge": ["moths", "clay"],
        "gaps": ["cars"],
        "constraints": ["Never names a poison"],
        "sample_queries": [
            {"query": "When to water?", "answer": "At dusk."},
            {"query": "Which moth is that?", "answer": ""},
        ],
        "instructions": "Speak of the moon now and then.",
        "tools": [],
    }
    told = member.get(address("review")).content.decode()
    for words in (
        "You are Ada, a gardener by night.",
        "You know about:\n- moths",
        "You do not know these, and say so:\n- cars",
        "Always keep to this:\n- Never names a poison",
    ):
        assert words in told


@pytest.mark.requirement("C-17", "Q-58")
def test_back_and_forward_keep_what_was_entered(member):
    member.post(address("role"), {**WRITTEN["role"], "go": "next"})
    answer = member.post(address("voice"), {"voice": "Dry.", "go": "back"})

    assert answer["Location"] == address("role")
    assert 'value="a gardener by night"' in member.get(address("role")).content.decode()
    assert "Dry.</textarea>" in member.get(address("voice")).content.decode()


@pytest.mark.requirement("Q-58", "R-54")
def test_what_is_wrong_stays_beside_its_reason_whatever_is_pressed(member, draft):
    wrong = {"knowledge": "moths\n</s>", "gaps": "cars"}
    answer = member.post(address("knowledge"), {**wrong, "go": "next"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "end of a message" in page
    assert 'aria-invalid="true"' in page

    for go in ("back", "leave"):
        answer = member.post(address("knowledge"), {**wrong, "go": go})
        assert answer.status_code == 302

    page = member.get(address("knowledge")).content.decode()
    assert "moths\n&lt;/s&gt;</textarea>" in page
    assert "end of a message" in page
    other = member.get(address("voice"))
    assert 'class="wrong"' in other.content.decode()


def test_a_role_that_is_too_long_is_kept_to_be_shortened(member, draft):
    answer = member.post(address("role"), {"role": "x" * 301, "go": "next"})

    assert answer.status_code == 422
    assert "301 characters; at most 300 fit" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.role == "x" * 301


def test_what_is_far_too_much_is_shown_and_not_kept(member, draft):
    much = "x" * 250_000

    answer = member.post(address("voice"), {"voice": much, "go": "back"})

    assert answer.status_code == 422
    assert much in answer.content.decode()
    draft.refresh_from_db()
    assert draft.voice == ""


def test_saving_and_leaving_needs_nothing(member):
    answer = member.post(address("role"), {"role": "", "go": "leave"}, follow=True)

    assert answer.redirect_chain == [("/personas/ada/", 302)]
    assert "saved" in answer.content.decode()


def test_the_role_is_needed_to_go_on(member):
    answer = member.post(address("role"), {"role": " ", "go": "next"})

    assert answer.status_code == 422
    assert "who the persona is" in answer.content.decode()
    assert "who the persona is" not in member.get(address("role")).content.decode()


@pytest.mark.requirement("C-17")
def test_a_row_is_added_by_a_button_that_is_a_submit(member, draft):
    row = {"rows": "3", "query_0": "How?", "answer_1": "So.", "go": "add"}

    answer = member.post(address("samples"), row)

    assert answer["Location"].startswith(address("samples") + "?rows=4")
    page = member.get(answer["Location"])
    assert 'name="query_3"' in page.content.decode()
    assert 'value="How?"' in page.content.decode()
    assert "So.</textarea>" in page.content.decode()


@pytest.mark.parametrize("rows", ["", "x", "-1", "99", "9" * 5000, "²", "3\x00"])
def test_a_number_of_rows_that_is_none_is_passed_over(member, rows):
    page = member.get(address("samples"), {"rows": rows})

    assert page.status_code == 200
    assert page.content.decode().count('<fieldset class="sample"') <= 10
    answer = member.post(address("samples"), {"rows": rows, "go": "next"})
    assert answer.status_code == 302


def test_one_step_leaves_the_others_alone(member, draft):
    member.post(address("role"), {"role": "a cook", "go": "next"})
    drafts.save_draft(draft=draft, voice="Dry.")  # loaded before the role was saved

    draft.refresh_from_db()
    assert (draft.role, draft.voice) == ("a cook", "Dry.")


@pytest.mark.requirement("Q-59")
def test_a_voice_can_begin_with_a_card(member, draft):
    page = member.get(address("voice")).content.decode()
    assert "<b>Plain and brief</b><br>Plain words" in page
    assert 'id="voice-own" name="voice_kind" value="own" checked' in page

    member.post(address("voice"), {"voice_kind": "exact", "voice": "", "go": "next"})

    draft.refresh_from_db()
    assert draft.voice.startswith("Precise and orderly")
    page = member.get(address("voice")).content.decode()
    assert 'id="voice-exact" name="voice_kind" value="exact" checked' in page


@pytest.mark.requirement("F-36")
def test_a_question_without_an_answer_is_kept_and_said(member, draft):
    sent = {"query_0": "What do you grow?", "answer_0": "", "rows": "1", "go": "next"}

    shown = [
        member.post(address("samples"), sent, follow=True),
        member.get(address("samples")),
    ]

    draft.refresh_from_db()
    assert draft.sample_queries == [{"query": "What do you grow?", "answer": ""}]
    for page in shown:
        assert "1 sample question has no answer yet. It is kept" in page.text
    assert "What do you grow?" not in shown[0].text
    member.post(address("samples"), {**sent, "answer_0": "Moss."})
    assert "no answer yet" not in member.get(address("review")).text


def test_looking_begins_no_draft(client, staff):
    client.force_login(staff)

    page = client.get(reverse("personas:guide_step", args=["maestro", "role"]))

    assert "a conductor who sees" in page.content.decode()
    assert not PersonaDraft.objects.filter(editor=staff).exists()


@pytest.mark.requirement("R-53")
@pytest.mark.parametrize("way", ["get", "post"])
def test_strangers_find_nothing_and_guests_sign_in(client, draft, bob, staff, way):
    go = getattr(client, way)
    assert go(address("role"))["Location"].startswith("/accounts/login/")

    for stranger in (bob, staff):
        client.force_login(stranger)
        assert go(address("role")).status_code == 404
    assert PersonaDraft.objects.count() == 1


def test_there_is_no_other_step(member):
    assert member.get(address("everything")).status_code == 404


@pytest.mark.requirement("F-41")
def test_what_was_entered_is_text(member):
    script = "</textarea><script>alert(1)</script>"
    for step, data in WRITTEN.items():
        data = {name: script for name in data if name not in ("rows", "voice_kind")}
        member.post(address(step), {**data, "rows": "2", "go": "leave"})

    for step in WRITTEN:
        page = member.get(address(step)).content.decode()
        assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
