"""Configs: made in a guide or on one page, changed, copied, deleted, kept at hand."""

import re

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.models import AuditEvent, User
from llmconfig.models import (
    AISettings,
    ApiKey,
    Endpoint,
    Favourite,
    LLMConfig,
    ModelProfile,
    Redirect,
)
from llmconfig.services import configs, favourites
from personas.models import UserPersonaSettings
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db

LIST = "/settings/configs/"
NEW = "/settings/configs/new/"


@pytest.fixture
def visit(client, alice):
    client.force_login(alice)
    return client


@pytest.fixture
def make_config(fake_endpoint):
    def make(name, owner=None, **fields):
        values = {"endpoint": fake_endpoint, "model": "fake-1"} | fields
        return LLMConfig.objects.create(
            name=name, owner=owner, is_global=owner is None, **values
        )

    return make


@pytest.fixture
def connect_to(db):
    def connect(provider, name):
        return Endpoint.objects.create(
            name=name, provider=provider, api_base="https://llm.example/v1"
        )

    return connect


def form(endpoint, **changes):
    values = {
        "name": "Calm",
        "endpoint": endpoint.pk,
        "model": "fake-1",
        "temperature": "0.4",
        "context_posts": "20",
        "context_tokens": "2000",
    }
    return values | changes


def address(page: str, config: LLMConfig) -> str:
    return reverse(f"llmconfig:config_{page}", args=[config.pk])


@pytest.mark.requirement("Q-20", "Q-47", "D-09", "D-33")
def test_the_list_holds_ones_own_and_the_sites_and_nobody_elses(
    visit, alice, bob, make_config
):
    make_config("Mine", alice, temperature=0.3)
    make_config("Everybody's")
    make_config("Bobs", bob)

    page = visit.get(LIST).text

    assert "Mine" in page
    assert "Everybody" in page
    assert "temperature 0.3" in page
    assert "Bobs" not in page


@pytest.mark.requirement("Q-21", "Q-24", "Q-27", "Q-28", "Q-58", "C-17")
def test_the_guide_saves_nothing_before_the_yes_and_then_one_row(visit, fake_endpoint):
    answers = {
        "name": {"name": "Calm"},
        "model": {"endpoint": fake_endpoint.pk, "model": "anything-new"},
        "pictures": {"vision_model": "fake-eyes"},
        "temperature": {"temperature": ""},
        "length": {"max_tokens": "300"},
        "description": {"description": "For the evening."},
    }
    place = "/settings/configs/guide/name/"
    assert 'value="0.8"' in visit.get("/settings/configs/guide/temperature/").text
    for step, values in answers.items():
        assert place.endswith(f"/{step}/")
        place = visit.post(place, values).headers["Location"]

    assert "anything-new" in visit.get(place).text
    assert not LLMConfig.objects.filter(name="Calm").exists()
    page = visit.post(place, {"save": "yes"}, follow=True)

    config = LLMConfig.objects.get(name="Calm")
    assert (config.temperature, config.max_tokens) == (None, 300)
    assert config.vision_model == "fake-eyes"
    assert (config.owner.handle.name, config.is_global) == ("alice", False)
    assert "Settings &gt; Models" in page.text
    assert visit.post(place, {"save": "yes"}).headers["Location"].endswith("/name/")
    assert LLMConfig.objects.filter(name="Calm").count() == 1


@pytest.mark.requirement("Q-27")
def test_the_guide_forgets_all_with_a_no(visit, fake_endpoint):
    visit.post("/settings/configs/guide/name/", {"name": "Calm"})
    visit.post(
        "/settings/configs/guide/model/",
        {"endpoint": fake_endpoint.pk, "model": "fake-1"},
    )

    page = visit.post("/settings/configs/guide/summary/", {"save": "no"}, follow=True)

    assert "Nothing was saved." in page.text
    assert not LLMConfig.objects.filter(name="Calm").exists()
    assert "Calm" not in visit.get("/settings/configs/guide/name/").text


@pytest.mark.requirement("Q-24", "Q-53", "Q-58", "D-34", "D-41", "D-46")
@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 61}),
        ("model", {"endpoint": 999_999, "model": "m"}),
        ("model", {"model": "m"}),
        ("model", {"model": "two words"}),
        ("temperature", {"temperature": "-0.1"}),
        ("temperature", {"temperature": "2.1"}),
        ("temperature", {"temperature": "warm"}),
        ("temperature", {"temperature": "nan"}),
        ("length", {"max_tokens": "0"}),
        ("length", {"max_tokens": "-5"}),
        ("length", {"max_tokens": "99999999999999"}),
        ("description", {"description": "x" * 201}),
    ],
)
def test_the_guide_asks_again_and_keeps_what_was_written(visit, step, wrong):
    visit.post("/settings/configs/guide/name/", {"name": "Calm"})

    page = visit.post(f"/settings/configs/guide/{step}/", wrong)

    assert page.status_code == 422
    assert "errorlist" in page.text
    if step != "name":
        assert 'value="Calm"' in visit.get("/settings/configs/guide/name/").text
    assert (
        "/guide/" in visit.get("/settings/configs/guide/summary/").headers["Location"]
    )


def test_the_guide_keeps_little_however_much_is_sent(visit):
    for step in ("name", "model", "pictures", "temperature", "length", "description"):
        fields = ("name", "endpoint", "model", "vision_model", "max_tokens")
        much = dict.fromkeys((*fields, "temperature", "description"), "x" * 200_000)

        page = visit.post(f"/settings/configs/guide/{step}/", much)

        assert page.status_code == 422
    assert len(str(visit.session["config_guide"])) < 10_000


@pytest.mark.requirement("Q-58")
def test_back_in_the_guide_keeps_the_answer_right_or_wrong(visit):
    place = "/settings/configs/guide/temperature/"

    answer = visit.post(place, {"temperature": "hot", "go": "back"})

    assert answer.headers["Location"].endswith("/pictures/")
    assert 'value="hot"' in visit.get(place).text


@pytest.mark.requirement("Q-22", "O-27")
def test_a_name_is_taken_once_for_each_owner_however_it_is_written(
    visit, alice, make_config, fake_endpoint
):
    make_config("CALM", alice)
    make_config("Site")

    page = visit.post(NEW, form(fake_endpoint))

    assert page.status_code == 422
    assert "called so" in page.text
    assert 'value="Calm"' in page.text
    assert visit.post(NEW, form(fake_endpoint, name="site")).status_code == 302


@pytest.mark.requirement("Q-07", "Q-25", "Q-26", "M-05", "D-34")
def test_every_field_is_kept_zero_as_zero_and_empty_as_not_sent(visit, fake_endpoint):
    visit.post(
        NEW,
        form(
            fake_endpoint,
            temperature="0",
            top_p="1",
            top_k="",
            frequency_penalty="0",
            presence_penalty="-2",
            repetition_penalty="1.1",
            max_tokens="",
            vision_model="fake-eyes",
            context_posts="0",
            context_tokens="500",
        ),
    )

    config = LLMConfig.objects.get(name="Calm")
    assert config.parameters == {
        "temperature": 0,
        "top_p": 1,
        "frequency_penalty": 0,
        "presence_penalty": -2,
        "repetition_penalty": 1.1,
    }
    assert (config.vision_model, config.context_posts) == ("fake-eyes", 0)
    assert (config.context_tokens, config.description) == (500, "")


@pytest.mark.requirement("Q-29", "Q-30", "Q-55", "D-33")
def test_others_do_not_exist_and_the_sites_are_staffs(
    visit, bob, make_config, fake_endpoint
):
    theirs, site = make_config("Bobs", bob), make_config("Site")

    for page in ("detail", "edit", "delete"):
        assert visit.get(address(page, theirs)).status_code == 404
    for page in ("edit", "delete", "clone", "favour"):
        assert visit.post(address(page, theirs), {"keep": "yes"}).status_code == 404
    assert visit.get(address("detail", site)).status_code == 200
    for page in ("edit", "delete"):
        answer = visit.post(address(page, site), form(fake_endpoint))
        assert answer.status_code == 403
        assert "only staff" in answer.text
    visit.post(f"{NEW}?for=site", form(fake_endpoint))
    assert not LLMConfig.objects.get(name="Calm").is_global
    assert set(LLMConfig.objects.filter(pk__in=[theirs.pk, site.pk])) == {theirs, site}


@pytest.mark.requirement("Q-31", "Q-50", "D-44", "D-55")
def test_staff_make_and_change_the_sites_on_the_record(
    client, staff, alice, fake_endpoint
):
    client.force_login(staff)
    client.post(f"{NEW}?for=site", form(fake_endpoint))
    config = LLMConfig.objects.get(name="Calm")
    client.post(address("edit", config), form(fake_endpoint, temperature="1"))

    config.refresh_from_db()
    assert (config.owner, config.is_global, config.temperature) == (None, True, 1)
    event = AuditEvent.objects.get(action="llmconfig changed")
    assert event.detail["before"] == {"temperature": 0.4}
    assert event.detail["after"] == {"temperature": 1.0}
    client.force_login(alice)
    assert "Calm" in client.get(LIST).text


@pytest.mark.requirement("O-27")
def test_copies_are_numbered_whatever_the_case(visit, alice, bob, make_config):
    hers = make_config("Bobs", bob)
    site = make_config("Site", fallback=hers)
    make_config("site COPY", alice)

    for _ in range(2):
        visit.post(address("clone", site))

    own = LLMConfig.objects.filter(owner=alice).order_by("name")
    assert [it.name for it in own] == ["Site copy 2", "Site copy 3", "site COPY"]
    assert not any(it.fallback for it in own)  # bob's is not hers to use


@pytest.mark.requirement("Q-32", "Q-54", "C-21", "O-26")
def test_a_config_others_need_stays_and_says_who(
    client, staff, alice, make_config, make_persona
):
    site = make_config("Site")
    cook = make_persona("cook", owner=alice)
    cook.default_config = site
    cook.save()
    UserPersonaSettings.objects.create(user=alice, persona=cook, config=site)
    ModelProfile.objects.create(key="fast", config=site)
    Redirect.objects.create(endpoint=site.endpoint, model="m", to=site)
    make_config("Other", fallback=site)
    client.force_login(staff)

    for answer in (
        client.get(address("delete", site)),
        client.post(address("delete", site)),
    ):
        for words in (
            "persona&#x27;s own model",
            "member&#x27;s model for a persona",
            "1 profile",
            "1 redirect",
            "1 other config",
        ):
            assert words in answer.text
    assert answer.status_code == 422
    assert LLMConfig.objects.filter(pk=site.pk).exists()


@pytest.mark.requirement("Q-29", "C-21")
def test_deleting_tells_who_goes_without_and_keeps_what_is_on_record(
    visit, alice, make_config, make_persona
):
    own = make_config("Mine", alice)
    cook = make_persona("cook", owner=alice)
    AISettings.objects.create(user=alice, default_config=own)
    UserPersonaSettings.objects.create(user=alice, persona=cook, config=own)
    favourites.keep_favourite(config=own, member=alice)

    page = visit.get(address("delete", own)).text
    for words in ("default", "model for a persona", "1 favourite"):
        assert words in page
    assert visit.post(address("delete", own)).status_code == 302

    assert not LLMConfig.objects.filter(pk=own.pk).exists()
    assert UserPersonaSettings.objects.get().config is None
    assert AISettings.objects.get().default_config is None


@pytest.mark.requirement("M-22", "D-07")
def test_favourites_are_kept_once_and_up_to_a_number(
    visit, alice, make_config, monkeypatch
):
    monkeypatch.setattr(favourites, "MOST", 2)
    configs = [make_config(name, alice) for name in ("One", "Two", "Three")]
    for config in (configs[0], configs[0], *configs):
        page = visit.post(address("favour", config), {"keep": "yes"}, follow=True)

    assert "take one of your favourites away" in page.text
    kept = Favourite.objects.order_by("position").values_list("config__name", flat=True)
    assert list(kept) == ["One", "Two"]
    gone = visit.post(address("favour", configs[0]), {"keep": "no"}, follow=True)
    assert "One stands beside Ask no more." in gone.text
    assert Favourite.objects.count() == 1
    again = visit.post(address("favour", configs[2]), {"keep": "yes"}, follow=True)
    assert "Three can be chosen beside Ask now." in again.text


@pytest.mark.requirement("Q-23", "D-28", "O-59")
def test_a_model_its_endpoint_did_not_list_is_taken_and_marked(visit, fake_endpoint):
    Endpoint.objects.update(listed_models=["fake-1-20260101"])
    visit.post(NEW, form(fake_endpoint, name="Known"))
    visit.post(NEW, form(fake_endpoint, name="Odd", model="fake-99"))

    known, odd = (LLMConfig.objects.get(name=name) for name in ("Known", "Odd"))
    assert "unverified" not in visit.get(known.get_absolute_url()).text
    assert "unverified" in visit.get(odd.get_absolute_url()).text
    assert visit.get(LIST).text.count(">unverified</span>") == 1
    assert '<option value="fake-1-20260101">' in visit.get(NEW).text


def test_the_demo_model_needs_no_list_to_be_known(visit, make_config, fake_endpoint):
    Endpoint.objects.update(provider="demo")
    demo = make_config("Demo model")

    assert "unverified" not in visit.get(LIST).text
    assert "unverified" not in visit.get(demo.get_absolute_url()).text


@pytest.mark.requirement("M-21")
def test_a_member_chooses_among_endpoints_they_may_call(visit, alice, fake_endpoint):
    closed, own, off = (
        Endpoint.objects.create(name=name, provider="openai", **fields)
        for name, fields in [
            ("Closed", {"open_to": "nobody"}),
            ("Own", {"open_to": "nobody"}),
            ("Off", {"is_enabled": False}),
        ]
    )
    ApiKey.objects.create(user=alice, endpoint=own, secret="x")

    page = visit.get(NEW).text

    assert fake_endpoint.name in page
    assert "Closed" not in page
    for endpoint, status in [(closed, 422), (off, 422), (own, 302)]:
        answer = visit.post(NEW, form(endpoint, name=f"At {endpoint}"))
        assert answer.status_code == status


@pytest.mark.requirement("R-13", "O-65")
def test_what_a_model_does_not_take_is_said_before_it_is_used(visit, alice, connect_to):
    claude = connect_to("anthropic", "Claude")
    connect_to("compatible", "Open")
    values = form(claude, model="claude-opus-4-7", top_k="5", frequency_penalty="0.3")

    new = visit.get(NEW).text
    shown = visit.post(NEW, values, follow=True).text
    config = LLMConfig.objects.get(owner=alice)
    edited = visit.get(address("edit", config)).text

    penalties = "Frequency penalty, Presence penalty, Repetition penalty"
    assert f"<li>at Claude: {penalties}</li>" in new
    assert "at Open:" not in new
    assert shown.count("left out: claude-opus-4-7 at Claude takes none") == 3
    assert f"<li>at Claude: Temperature, Top-p, Top-k, {penalties}</li>" in edited


def test_a_models_page_calls_its_settings_as_the_form_does(visit, alice, connect_to):
    visit.post(NEW, form(connect_to("compatible", "Open")))
    config = LLMConfig.objects.get(owner=alice)

    shown = visit.get(config.get_absolute_url()).text
    edited = visit.get(address("edit", config)).text

    names = re.findall("<dt>(.+?)</dt>", shown)
    assert "Longest reply, in tokens" in names
    asked = re.findall(r"<label[^>]*>\s*(.+?):?\s*</label>", edited, re.DOTALL)
    assert [it for it in names if it not in asked] == ["Whose"]


@pytest.mark.requirement("R-13", "O-65")
def test_the_guide_says_so_before_the_yes(visit, connect_to):
    endpoint = connect_to("openai", "OpenAI")
    answers = {
        "name": {"name": "Thinker"},
        "model": {"endpoint": endpoint.pk, "model": "gpt-5-mini"},
        "temperature": {"temperature": "0.8"},
        "length": {"max_tokens": "300"},
        "description": {"description": ""},
    }
    for step, values in answers.items():
        visit.post(f"/settings/configs/guide/{step}/", values)

    page = visit.get("/settings/configs/guide/summary/").text

    assert "left out: gpt-5-mini at OpenAI takes none" in page


@pytest.mark.requirement("M-05", "M-06", "M-08")
def test_staff_point_profiles_to_the_sites_configs(client, staff, alice, make_config):
    site, own = make_config("Site"), make_config("Mine", alice)
    client.force_login(staff)

    client.post("/settings/profiles/", {"fast": site.pk, "cheap": ""})
    refused = client.post("/settings/profiles/", {"fast": own.pk})

    assert refused.status_code == 422
    assert ModelProfile.objects.get(key="fast").config == site
    assert ModelProfile.objects.get(key="cheap").config is None
    client.force_login(alice)
    assert client.get("/settings/profiles/").status_code == 404


def test_a_member_makes_only_so_many(visit, alice, make_config, fake_endpoint):
    site = make_config("Site")
    LLMConfig.objects.bulk_create(
        LLMConfig(name=f"Mine {number}", owner=alice, model="m", endpoint=fake_endpoint)
        for number in range(configs.MOST_CONFIGS)
    )
    guide = visit.session
    guide["config_guide"] = form(fake_endpoint)
    guide.save()

    copied = visit.post(address("clone", site), follow=True)
    made = visit.post(NEW, form(fake_endpoint))
    guided = visit.post("/settings/configs/guide/summary/", follow=True)

    assert made.status_code == 422
    assert "delete one you do not use" in made.text
    assert "delete one you do not use" in copied.text
    assert "delete one you do not use" in guided.text
    assert LLMConfig.objects.own(alice).count() == configs.MOST_CONFIGS
    assert site.owner is None  # staff make as many as they like


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("O-27")
def test_two_copies_at_once_are_two_with_names_of_their_own(alice, make_config):
    site = make_config("Calm")

    def copy() -> str:
        return configs.clone_config(config=site, owner=alice, actor=alice).name

    with transaction.atomic():
        list(User.objects.select_for_update().filter(pk=alice.pk))
        both = [start(copy), start(copy)]
        for one in both:
            wait_until_blocked(one)

    assert {one.result(60) for one in both} == {"Calm copy", "Calm copy 2"}
