"""Prices that staff enter: pages, the record, and what calls cost by them."""

from decimal import Decimal

import pytest

from accounts.models import AuditEvent
from llmconfig import client
from llmconfig.models import Endpoint, ModelPrice
from llmconfig.prices import Price
from llmconfig.services import endpoints
from llmconfig.services.prices import enter_price, price_of, remove_price

pytestmark = pytest.mark.django_db


@pytest.fixture
def address(endpoint) -> str:
    return f"/settings/endpoints/{endpoint.pk}/prices/"


def price(**changes: object) -> dict[str, object]:
    return {"model": "fake-1", "in_usd": "0.15", "out_usd": "0.6"} | changes


def events() -> list[tuple[object, ...]]:
    rows = AuditEvent.objects.filter(action__startswith="modelprice").order_by("pk")
    return [(it.action, it.detail["before"], it.detail["after"]) for it in rows]


@pytest.mark.requirement("M-44")
def test_a_price_is_entered_changed_and_removed_on_the_record(
    visit, endpoint, address, staff
):
    page = visit.post(address, price(), follow=True)
    assert "in $0.15, out $0.6" in page.text

    visit.post(address, price(model="FAKE-1", out_usd="0"))
    visit.post(address, price(out_usd="0"))
    entered = ModelPrice.objects.get()
    assert (entered.in_usd, entered.out_usd) == (Decimal("0.15"), 0)
    assert entered.set_by == staff

    for _ in range(2):
        visit.post(f"{address}{entered.pk}/delete/")
    assert not ModelPrice.objects.exists()
    assert events() == [
        ("modelprice entered", "", "in $0.15, out $0.6"),
        ("modelprice changed", "in $0.15, out $0.6", "in $0.15, out $0"),
        ("modelprice removed", "in $0.15, out $0", ""),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [("k2", "\u212a2"), ("\u212a2", "k2"), ("ωm", "\u2126m"), ("ßt", "ẞt")],
    ids=["kelvin second", "kelvin first", "ohm", "sharp s"],
)
def test_names_alike_in_small_letters_have_one_price(visit, address, first, second):
    answers = [visit.post(address, price(model=it)) for it in (first, second)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert ModelPrice.objects.get().model == first


def test_the_page_says_what_the_table_knows_and_what_not(visit, endpoint):
    other = Endpoint.objects.create(
        name="OpenAI", provider="openai", default_model="gpt-4o-mini"
    )
    enter_price(endpoint=other, model="new", in_usd=1, out_usd=2, actor=None)

    page = visit.get(f"/settings/endpoints/{other.pk}/prices/?model=gpt-4o-mini")

    assert "in $0.15, out $0.6" in page.text
    assert "does not know it" in page.text
    assert 'value="gpt-4o-mini"' in page.text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"in_usd": "-1"}, "not below 0"),
        ({"in_usd": "many"}, "such as 0.15"),
        ({"out_usd": "100001"}, "A million tokens of"),
        ({"out_usd": "0.0000001"}, "6 digits"),
        ({"out_usd": "NaN"}, "such as 0.15"),
        ({"model": ""}, "required"),
    ],
    ids=["negative", "word", "absurd", "too fine", "nan", "no model"],
)
def test_a_price_that_cannot_be_is_refused(visit, address, wrong, says):
    page = visit.post(address, price(**wrong))

    assert page.status_code == 422
    assert says in page.text
    assert not ModelPrice.objects.exists()


def test_another_endpoints_price_is_not_removed_by_this_ones_address(
    visit, endpoint, address
):
    other = Endpoint.objects.create(name="Other", provider="compatible")
    kept = enter_price(endpoint=other, model="m", in_usd=1, out_usd=2, actor=None)

    visit.post(f"{address}{kept.pk}/delete/")

    assert ModelPrice.objects.get() == kept


@pytest.mark.requirement("M-44", "D-47")
def test_the_entered_price_comes_before_the_table(endpoint):
    endpoint.provider = "openai"
    enter_price(endpoint=endpoint, model="GPT-4o-mini", in_usd=2, out_usd=4, actor=None)

    entered = price_of(endpoint=endpoint, model="gpt-4o-mini")
    assert entered == Price(Decimal("0.000002"), Decimal("0.000004"))

    remove_price(price=ModelPrice.objects.get(), actor=None)
    listed = price_of(endpoint=endpoint, model="gpt-4o-mini")
    assert listed not in (None, entered)
    assert price_of(endpoint=endpoint, model="nobody-knows") is None


@pytest.mark.requirement("M-44")
@pytest.mark.parametrize(
    ("given", "cost"),
    [
        (Price(Decimal("0.000002"), Decimal("0.000004")), Decimal("0.00004")),
        (Price(Decimal(0), Decimal(0)), Decimal(0)),
        (None, None),
        (Price(Decimal(1_000_000), Decimal(0)), None),
    ],
    ids=["entered", "free", "unknown", "absurd"],
)
def test_a_call_costs_what_was_entered(call, fake_llm, given, cost):
    counts = {"prompt_tokens": 10, "completion_tokens": 5}
    fake_llm.answers(usage=counts | {"input_tokens": 10, "output_tokens": 5})

    answer = client.complete(call(model="my-own", price=given))

    assert answer.cost_usd == cost


def test_an_endpoints_prices_go_with_it(endpoint):
    spare = Endpoint.objects.create(name="Spare", provider="compatible")
    enter_price(endpoint=spare, model="m", in_usd=1, out_usd=2, actor=None)

    endpoints.delete_endpoint(endpoint=spare, actor=None)

    assert not ModelPrice.objects.exists()
