"""What the form of the test bench offers, keeps, refuses and says of the costs."""

import re
import secrets
import uuid

import pytest

from llmconfig.models import Endpoint, LLMConfig, ModelPrice, Redirect
from llmqueue.models import LLMRequest
from personas.models import OwnerRole, PersonaOwner
from personas.services import drafts
from studio.models import Trial
from studio.services import trials
from studio.tests.trying import TRY, ai_off_for_all, ai_off_for_the_tester, form

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("M-78")]


def test_what_it_costs_is_shown_before_anything_is_sent(
    draft, alice, fake_config, other_config, fake_llm, visit
):
    LLMConfig.objects.filter(pk=other_config.pk).update(max_tokens=77)

    page = visit(alice).post(TRY, form(fake_config, other_config), follow=True)

    assert page.status_code == 200
    assert "Nothing has been sent yet." in page.text
    assert len(re.findall(r"<td>about \d+</td>", page.text)) == 2
    assert "at most 77" in page.text
    assert "<td>no limit</td>" in page.text
    assert page.text.count("unknown") == 2  # no price is not a price of 0
    assert "Try it with 2 models" in page.text
    assert not LLMRequest.objects.exists()
    assert fake_llm.requests == []


@pytest.mark.parametrize("go", [{}, {"confirm": "yes"}, {"version": "draft"}])
def test_who_edits_what_is_only_begun_has_nothing_to_try(
    alice, bob, fake_config, visit, go
):
    begun = drafts.begin_persona(creator=alice, name="Hermit").persona
    PersonaOwner.objects.create(persona=begun, user=bob, role=OwnerRole.EDITOR)

    page = visit(bob).post(TRY, form(fake_config, **go))

    assert page.status_code == 422
    assert "There is nothing to try yet" in page.text
    assert not Trial.objects.exists()


@pytest.mark.parametrize(
    ("most", "shown"),
    [(1000, "at most $0.0007"), (None, "for the prompt; the answer&#x27;s is open")],
)
def test_the_price_is_that_of_the_table(draft, alice, visit, most, shown):
    endpoint = Endpoint.objects.create(
        name="Paid", provider="openai", default_model="gpt-4o-mini"
    )
    Endpoint.objects.update(site_key="is there")
    paid = LLMConfig.objects.create(
        name="Paid model",
        model="gpt-4o-mini",
        endpoint=endpoint,
        is_global=True,
        max_tokens=most,
    )

    page = visit(alice).post(TRY, form(paid), follow=True)

    assert shown in page.text.replace("answer's", "answer&#x27;s")


def test_the_price_is_that_of_what_answers_instead(
    draft, alice, fake_config, other_config, visit
):
    endpoint = other_config.endpoint
    ModelPrice.objects.create(endpoint=endpoint, model="fake-2", in_usd=0, out_usd=5)
    LLMConfig.objects.filter(pk=other_config.pk).update(max_tokens=1000)
    Redirect.objects.create(endpoint=endpoint, model="fake-1", to=other_config)

    page = visit(alice).post(TRY, form(fake_config), follow=True)

    assert "at most $0.0050" in page.text


def test_the_demo_model_is_free(draft, alice, fake_config, visit):
    endpoints = Endpoint.objects.filter(pk=fake_config.endpoint_id)
    endpoints.update(provider="demo", site_key="is there")

    page = visit(alice).post(TRY, form(fake_config), follow=True)

    assert "<td>free</td>" in page.text
    assert "unknown" not in page.text


def test_a_form_sent_twice_is_one_try(draft, alice, fake_config, visit):
    client, key = visit(alice), uuid.uuid4().hex

    places = {
        client.post(TRY, form(fake_config, key=key, confirm="yes"))["Location"]
        for _ in range(3)
    }

    assert len(places) == 1
    assert LLMRequest.objects.count() == 1


def test_to_change_something_leads_back_with_all_that_was_chosen(
    draft, alice, fake_config, visit
):
    data = form(fake_config, change="yes", sample="Why tea?")
    page = visit(alice).post(TRY, data, follow=True)

    assert "Why tea?" in page.text
    assert "See what it will cost" in page.text
    assert f'value="{fake_config.pk}" id="id_configs_0" checked' in page.text
    assert not Trial.objects.exists()


def test_what_it_costs_has_a_page_that_one_can_go_back_to(
    draft, alice, fake_config, visit
):
    client, data = visit(alice), form(fake_config, sample="Why tea? " * 1000)

    place = client.post(TRY, data)["Location"]
    page = client.get(place)
    key = page.context["form"]["key"].value()
    client.post(TRY, {**data, "key": key, "confirm": "yes"})
    again = client.get(place)

    assert place == f"{TRY}?step=costs"
    for shown in (page, again):
        assert "Try it with 1 model" in shown.text
    assert again.context["form"]["key"].value() == key  # a second press is the same try
    assert Trial.objects.count() == 1
    assert client.post(TRY, data)["Location"] == place
    assert client.get(place).context["form"]["key"].value() != key
    other = visit(alice).get(place)
    assert "See what it will cost" in other.text


def test_nothing_but_what_the_form_says_is_kept_for_the_next_page(
    draft, alice, fake_config, visit
):
    noise = secrets.token_hex(500_000)
    client = visit(alice)
    data = form(fake_config, sample="Why tea?" + "\u200b" * 100_000)

    client.post(TRY, {**data, "more": noise, "version": [noise, "draft"]})

    assert len(str(dict(client.session.items()))) < 2_000
    assert "Why tea?" in client.get(f"{TRY}?step=change").text


def test_to_try_again_begins_with_all_that_was_chosen(
    begun, fake_config, other_config, alice, bob, visit
):
    address = f"{TRY}?again={begun.public_id}"
    assert f'href="{address}"' in visit(alice).get(begun.get_absolute_url()).text

    page = visit(alice).get(address)

    chosen = page.context["form"]
    assert chosen["sample"].value() == "Why soup?"
    assert set(chosen["configs"].value()) == {fake_config.pk, other_config.pk}
    assert chosen["version"].value() == "draft"
    assert page.text.count("checked") == 2
    assert visit(alice).get(f"{TRY}?again={uuid.uuid4()}").status_code == 404
    assert visit(alice).get(f"{TRY}?again=x").status_code == 200


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"configs": []}, "Please choose at least one model."),
        ({"configs": ["nothing"]}, "is not a valid"),
        ({"configs": [str(uuid.UUID(int=7))]}, "is not one of the available choices"),
        ({"sample": " \u200b "}, "Please choose a post, or write what is asked."),
        ({"sample": "x" * 200_000}, "characters"),
        ({"version": "7"}, "is not one of the available choices"),
        ({"post": "12345678"}, "is not one of the available choices"),
        ({"address": "/t/nothing-1/"}, "There is no post at this address."),
    ],
)
@pytest.mark.parametrize("pressed", [{}, {"confirm": "yes"}])
def test_what_cannot_be_tried_is_said_and_kept(
    values, said, pressed, draft, alice, fake_config, visit
):
    page = visit(alice).post(TRY, {**form(fake_config), **pressed, **values})

    assert page.status_code == 422
    assert said in page.text
    if "sample" not in values:
        assert "Why soup?" in page.text
    assert not Trial.objects.exists()


def test_more_models_than_fit_are_refused(draft, alice, fake_endpoint, visit):
    many = [
        LLMConfig.objects.create(
            name=f"M{n}", model="m", endpoint=fake_endpoint, is_global=True
        )
        for n in range(trials.MOST_CONFIGS + 1)
    ]

    page = visit(alice).post(TRY, form(*many, confirm="yes"))

    assert page.status_code == 422
    assert f"at most {trials.MOST_CONFIGS} fit" in page.text


def test_models_that_are_off_or_somebody_else_s_are_not_offered(
    draft, alice, bob, fake_config, fake_endpoint, visit
):
    theirs, own = (
        LLMConfig.objects.create(
            name=f"Of {member}", owner=member, model="m", endpoint=fake_endpoint
        )
        for member in (bob, alice)
    )
    gone = Endpoint.objects.create(name="Off", provider="openai", is_enabled=False)
    off = LLMConfig.objects.create(
        name="Off model", model="m", endpoint=gone, is_global=True
    )
    client = visit(alice)

    page = client.get(TRY)
    refused = [
        client.post(TRY, form(it, confirm="yes")).status_code for it in (theirs, off)
    ]

    assert "Of alice" in page.text
    assert "Of bob" not in page.text
    assert "Off model" not in page.text
    assert refused == [422, 422]
    assert client.post(TRY, form(own, confirm="yes")).status_code == 302


def test_a_draft_that_cannot_be_published_is_not_tried(
    draft, alice, fake_config, visit
):
    drafts.save_draft(draft=draft, role="")

    page = visit(alice).post(TRY, form(fake_config, confirm="yes"))

    assert page.status_code == 422
    assert "Please say in a line who the persona is." in page.text
    assert not LLMRequest.objects.exists()


@pytest.mark.parametrize("switch", [ai_off_for_all, ai_off_for_the_tester])
def test_nothing_is_tried_while_ai_is_off(switch, draft, alice, fake_config, visit):
    switch(Trial(tester=alice))

    page = visit(alice).post(TRY, form(fake_config, confirm="yes"))

    assert page.status_code == 422
    assert "AI is switched off" in page.text
    assert not LLMRequest.objects.exists()


def test_earlier_tries_are_listed(begun, alice, visit):
    page = visit(alice).get(TRY)

    assert begun.get_absolute_url() in page.text
    assert "The draft on a sample" in page.text


def test_a_link_says_what_is_to_be_tried(
    hermit, draft, alice, question, fake_config, visit
):
    page = visit(alice).get(TRY, {"version": "1", "post": question.pk})

    assert '<option value="1" selected>' in page.text
    assert f'<option value="{question.pk}" selected>' in page.text
