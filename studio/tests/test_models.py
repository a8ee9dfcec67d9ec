"""Settings > Models, and the model of one persona."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from core.errors import NotAllowed
from llmconfig.models import AISettings, Endpoint, LLMConfig, ProviderPreference
from personas.models import (
    Identity,
    Persona,
    PersonaOwner,
    UserPersonaSettings,
    Visibility,
)
from personas.services import defaults, own
from tests.many_personas import add_personas
from tests.safety.pages import parse

pytestmark = pytest.mark.django_db
MODELS = "/settings/models/"
MAESTRO = "/personas/maestro/model/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def own_config(bob, fake_endpoint) -> LLMConfig:
    return LLMConfig.objects.create(
        name="Bob's", owner=bob, endpoint=fake_endpoint, model="bobs-1", temperature=0.4
    )


def levels(html: str) -> list[list[str]]:
    """The table of levels, as the words of its cells."""
    rows = [it for it in parse(html).iter() if it.tag == "tr"]
    return [
        [" ".join("".join(cell.itertext()).split()) for cell in row] for row in rows[1:]
    ]


@pytest.mark.requirement("M-18", "D-06", "D-08", "D-10", "D-23", "C-02")
def test_a_member_sets_a_default_and_sees_what_answers_and_why(
    visit, bob, own_config, fake_config
):
    browser = visit(bob)
    page = browser.get(MODELS)
    assert "with <b>Fake model</b>" in page.text
    assert "the site&#x27;s default" in page.text

    saved = browser.post(MODELS, {"config": own_config.pk}, follow=True)

    said = (
        "Bob&#x27;s (bobs-1) is your default. Now Bob&#x27;s answers you: your default."
    )
    assert said in saved.text
    assert "with <b>Bob&#x27;s</b>" in visit(bob).get(MODELS).text
    cleared = browser.post(MODELS, {"config": ""}, follow=True)
    said = "You have no default any more. Now Fake model answers you: the site&#x27;s"
    assert said in cleared.text


@pytest.mark.requirement("Q-35", "Q-02", "Q-50", "Q-65")
def test_a_persona_gets_my_model_and_the_message_names_all_three(
    visit, bob, own_config, fake_config, other_config, maestro
):
    browser = visit(bob)

    for config, said in (
        (own_config, "Maestro is to answer you with Bob&#x27;s (bobs-1)."),
        (other_config, "Maestro is to answer you with Other model (fake-2)."),
    ):
        page = browser.post(MAESTRO, {"config": config.pk}, follow=True)
        assert said in page.text
        assert "But as things stand" not in page.text

    row = UserPersonaSettings.objects.get()
    assert (row.user, row.persona, row.config) == (bob, maestro, other_config)
    assert "Other model" in browser.get(MODELS).text
    assert "with <b>Fake model</b>" in browser.get("/personas/writer/model/").text


@pytest.mark.requirement("Q-36", "Q-49", "D-12")
def test_reset_says_which_default_applies_and_keeps_the_identity(
    visit, bob, own_config, fake_config, maestro
):
    identity = Identity.objects.create(user=bob, name="Cook")
    UserPersonaSettings.objects.create(
        user=bob, persona=maestro, config=own_config, identity=identity, is_muted=True
    )
    browser = visit(bob)
    assert "Reset" in browser.get(MAESTRO).text

    page = browser.post(MAESTRO, {"reset": "yes"}, follow=True)

    assert (
        "Maestro has no model of yours any more. Now Fake model answers you: the"
        " site&#x27;s default." in page.text
    )
    assert "Reset" not in page.text
    row = UserPersonaSettings.objects.get()
    assert (row.config, row.identity, row.is_muted) == (None, identity, True)


@pytest.mark.requirement("Q-03", "Q-37")
def test_every_level_is_shown_with_the_winner_marked(
    visit, bob, own_config, fake_config, other_config, maestro
):
    AISettings.objects.create(user=bob, default_config=own_config)
    Persona.objects.filter(pk=maestro.pk).update(default_config=other_config)
    fake_config.temperature = 0
    fake_config.save()
    Endpoint.objects.update(default_model="raw-1")

    html = visit(bob).get(MAESTRO).text

    assert levels(html) == [
        ["chosen for this request", "none", "", ""],
        ["your model for this persona", "none", "", ""],
        ["your default Answers", "Bob's", "bobs-1 at Fake", "0.4"],
        ["your model at this provider", "none", "", ""],
        ["the persona's default", "Other model", "fake-2 at Fake", "not sent"],
        ["the default for this kind of request", "none", "", ""],
        ["the subforum's model", "none", "", ""],
        ["the site's default", "Fake model", "fake-1 at Fake", "0"],
        [
            "the first endpoint that is on",
            "the model alone",
            "raw-1 at Fake",
            "not sent",
        ],
    ]
    assert "<b>your own for this persona</b>" in html
    assert "<b>the site&#x27;s default</b>" in html
    assert 'class="won"' in html


def test_what_cannot_serve_says_so(visit, bob, own_config, maestro, fake_llm):
    UserPersonaSettings.objects.create(user=bob, persona=maestro, config=own_config)
    Endpoint.objects.update(is_enabled=False)

    html = visit(bob).get(MAESTRO).text

    assert "its endpoint Fake is switched off." in html
    assert "All models are switched off at the moment." in html
    page = visit(bob).post(MAESTRO, {"config": own_config.pk}, follow=True)
    assert "But as things stand nobody answers you" in page.text


@pytest.mark.requirement("M-19", "Q-02")
def test_the_panel_stands_in_the_personas_page(visit, bob, own_config, fake_config):
    browser = visit(bob)
    page = browser.get("/personas/maestro/").text
    assert f'hx-get="{MAESTRO}" hx-trigger="load"' in page

    piece = browser.get(MAESTRO, headers=HTMX).text

    assert "<html" not in piece
    assert "with <b>Fake model</b>" in piece
    assert "Bob&#x27;s (bobs-1 at Fake), yours" in piece
    guest = visit().get("/personas/maestro/").text
    assert MAESTRO not in guest


@pytest.mark.requirement("D-33", "Q-50")
def test_members_see_their_own_and_the_sites_models_alone(
    visit, bob, carol, own_config, fake_config, maestro
):
    visit(bob).post(MODELS, {"config": own_config.pk})
    visit(bob).post(MAESTRO, {"config": own_config.pk})

    for address in (MODELS, MAESTRO):
        html = visit(carol).get(address).text
        assert "bobs-1" not in html
        assert "Fake model (fake-1 at Fake)" in html


@pytest.mark.requirement(
    "D-01", "D-02", "D-04", "D-07", "D-09", "D-11", "D-12", "D-27", "M-13"
)
def test_wished_models_are_set_replaced_counted_and_removed(
    visit, bob, carol, fake_endpoint
):
    browser = visit(bob)
    address = f"{MODELS}preferences/"
    form = {"endpoint": fake_endpoint.pk, "model": "large-1"}

    assert (
        "At Fake you prefer large-1 now."
        in browser.post(address, form, follow=True).text
    )
    ProviderPreference.objects.update(uses=3, last_used_at="2026-01-01T00:00Z")
    assert "answered you 3 times, last" in browser.get(MODELS).text
    page = browser.post(address, form | {"model": "small-1"}, follow=True).text
    assert "It takes the place of large-1." in page
    assert "not used yet" in page
    assert "small-1" not in visit(carol).get(MODELS).text
    for wrong in ({"endpoint": "openai"}, {"endpoint": ""}, {"model": " "}):
        assert browser.post(address, form | wrong).status_code == 422

    visit(carol).post(f"{address}remove/")
    assert ProviderPreference.objects.get().model == "small-1"
    page = browser.post(
        f"{address}remove/", {"endpoint": fake_endpoint.pk}, follow=True
    )
    assert "You prefer no model at Fake any more." in page.text
    browser.post(address, form)
    browser.post(f"{address}remove/")
    assert not ProviderPreference.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"open_to": "staff"}, {"open_to": "nobody"}, {"is_enabled": False}]
)
def test_an_endpoint_that_is_not_for_members_is_not_named_to_them(
    visit, bob, staff, fake_endpoint, fields
):
    hidden = Endpoint.objects.create(name="Hidden lab", provider="openai", **fields)
    browser, wish = visit(bob), {"endpoint": hidden.pk, "model": "m"}

    answers = [
        browser.get(MODELS),
        browser.post(f"{MODELS}preferences/", wish),
        browser.post(f"{MODELS}preferences/remove/", wish, follow=True),
    ]

    assert [it.status_code for it in answers] == [200, 422, 200]
    assert all("Hidden lab" not in it.text for it in answers)
    assert ("Hidden lab" in visit(staff).get(MODELS).text) == (
        fields == {"open_to": "staff"}
    )


@pytest.mark.requirement("M-14", "M-33", "M-84")
def test_ai_off_hides_what_asks_and_refuses(
    visit, bob, alice, question, fake_config, maestro
):
    browser, topic = visit(bob), question.topic.get_absolute_url()
    asking = f"/posts/{question.pk}/ask/"
    assert asking in browser.get(topic).text

    page = browser.post(f"{MODELS}ai/", {"enable": "no"}, follow=True)

    assert "AI is off for you" in page.text
    assert asking not in browser.get(topic).text
    assert "/personas/maestro/ask/" not in browser.get("/personas/maestro/").text
    for answer in (browser.get(asking), browser.post(asking, {"persona": ""})):
        assert answer.status_code == 422
        assert "AI is off for you. You can switch it on" in answer.text
    assert asking in visit(alice).get(topic).text
    browser.post(f"{MODELS}ai/", {"enable": "yes"})
    assert browser.post(asking, {"persona": ""}).status_code == 302


@pytest.mark.requirement("Q-01", "Q-10", "Q-38", "D-44")
def test_staff_change_what_a_persona_answers_with(
    visit, staff, bob, other_config, fake_config, maestro
):
    address = f"{MAESTRO}default/"
    assert address in visit(staff).get(MAESTRO).text
    assert address not in visit(bob).get(MAESTRO).text

    page = visit(staff).post(address, {"config": other_config.pk}, follow=True)

    assert "Maestro answers with Other model (fake-2) now." in page.text
    assert "with <b>Other model</b>" in visit(bob).get(MAESTRO).text
    event = AuditEvent.objects.get(action="persona model_changed")
    assert (event.actor, event.subject_key) == (staff, str(maestro.pk))
    assert event.detail == {"before": None, "after": str(other_config.pk)}
    visit(staff).post(address, {"config": fake_config.pk})  # it takes the other's place
    maestro.refresh_from_db()
    assert maestro.default_config == fake_config
    assert visit(bob).post(address, {"config": ""}).status_code == 404


@pytest.mark.parametrize(
    ("visibility", "who", "status"),
    [
        (Visibility.PRIVATE, "alice", 302),
        (Visibility.PUBLIC, "alice", 422),
        (Visibility.PRIVATE, "staff", 422),
        (Visibility.PRIVATE, "bob", 404),  # he edits it and does not own it
    ],
)
def test_only_the_owner_of_a_private_persona_gives_it_their_model(
    request, visit, hermit, alice, fake_config, fake_endpoint, visibility, who, status
):
    actor = request.getfixturevalue(who)
    own = LLMConfig.objects.create(
        name="Own", owner=actor, endpoint=fake_endpoint, model="m"
    )
    Persona.objects.filter(pk=hermit.pk).update(visibility=visibility)

    answer = visit(actor).post("/personas/hermit/model/default/", {"config": own.pk})

    assert answer.status_code == status
    hermit.refresh_from_db()
    assert (hermit.default_config == own) == (status == 302)


def test_a_default_of_ones_own_is_checked_again(
    hermit, alice, bob, staff, fake_endpoint
):
    def give(actor) -> None:
        mine, _ = LLMConfig.objects.get_or_create(
            name="Own", owner=actor, defaults={"endpoint": fake_endpoint, "model": "m"}
        )
        defaults.set_default_model(persona=hermit, config=mine, actor=actor)

    for actor in (bob, staff):
        with pytest.raises(NotAllowed):
            give(actor)
    give(alice)
    Persona.objects.filter(pk=hermit.pk).update(
        visibility=Visibility.GROUPS, default_config=None
    )
    with pytest.raises(NotAllowed):
        give(alice)


@pytest.mark.requirement("Q-03")
def test_an_owners_model_serves_their_private_persona(
    visit, bob, hermit, alice, fake_config, fake_endpoint
):
    own = LLMConfig.objects.create(
        name="Own", owner=alice, endpoint=fake_endpoint, model="m"
    )
    visit(alice).post("/personas/hermit/model/default/", {"config": own.pk})

    assert "with <b>Own</b>" in visit(bob).get("/personas/hermit/model/").text
    PersonaOwner.objects.filter(persona=hermit, user=alice).delete()
    assert "with <b>Fake model</b>" in visit(bob).get("/personas/hermit/model/").text


def test_the_pages_cost_the_same_for_many_rows(
    visit, bob, fake_config, fake_endpoint, maestro
):
    add_personas(60)
    browser, costs = visit(bob), []
    for many in (2, 50):
        for persona in Persona.objects.usable_by(bob).order_by("-pk")[:many]:
            own.set_own_model(persona=persona, user=bob, config=fake_config)
        for number in range(many):
            LLMConfig.objects.create(
                name=f"{many} {number}", model="m", endpoint=fake_endpoint, owner=bob
            )
        found = []
        for address in (MODELS, MAESTRO):
            browser.get(address)
            with CaptureQueriesContext(connection) as queries:
                browser.get(address)
            found.append(len(queries))
        costs.append(found)

    assert costs[0] == costs[1]
    models, persona = costs[0]
    assert models <= 23
    assert persona <= 16


@pytest.mark.requirement("Q-06")
@pytest.mark.parametrize(
    ("page", "there"),
    [
        (MODELS, "/settings/configs/"),
        (MODELS, "/settings/models/budget/"),
        ("/settings/usage/", "/settings/models/budget/"),
    ],
)
def test_the_pages_about_models_lead_to_what_belongs_to_them(visit, bob, page, there):
    assert f'href="{there}"' in visit(bob).get(page).text
