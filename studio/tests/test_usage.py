"""Settings > Usage: a member's own use, the site's, charts, tables and files."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from forum.models import Subforum
from llmconfig.services.keys import encrypt_site_key
from llmqueue.models import DailyUsage, LLMRequest
from llmqueue.work import runner
from personas.models import Persona
from studio import charts
from studio.services import trials
from studio.usage import OWN_TABLES, SITE_TABLES, harmless

pytestmark = pytest.mark.django_db

OWN = "/settings/usage/"
SITE = "/settings/usage/site/"


def today() -> date:
    return datetime.now(UTC).date()


@pytest.fixture
def used(fake_config):
    """Make a row of use; keyword arguments change it."""
    made = 0

    def use(**fields) -> DailyUsage:
        nonlocal made
        made += 1
        defaults = {
            "key": f"row {made}",
            "day": today(),
            "model": "fake-1",
            "config": fake_config,
            "endpoint": fake_config.endpoint,
            "calls": 1,
            "tokens_in": 100,
            "tokens_out": 10,
            "cost_usd": Decimal("0.5"),
        }
        return DailyUsage.objects.create(**(defaults | fields))

    return use


def text_of(response) -> str:
    """What is streamed, read as a server does."""

    async def read() -> bytes:
        return b"".join([part async for part in response])

    return async_to_sync(read)().decode()


def lines(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text_of(response))))


@pytest.mark.requirement("R-78", "D-11", "R-75", "R-76", "D-47")
def test_a_member_sees_their_own_use_and_nobody_elses(
    visit, used, alice, bob, subforum, hermit
):
    place = {"place_kind": "subforum", "place_key": str(subforum.pk)}
    used(member=alice, persona=hermit, calls=3, **place)
    used(member=alice, model="own-model", on_own_key=True, cost_usd=Decimal("0.25"))
    used(member=bob, model="bobs-model", calls=50)

    page = visit(alice).get(OWN)

    assert "<dd>4</dd>" in page.text
    assert "200 in, 20 out" in page.text
    assert "$0.7500" in page.text
    assert hermit.name in page.text
    assert subforum.name in page.text
    assert "Fake, your own key" in page.text
    assert "Fake, the site&#x27;s key" in page.text
    assert f"last used {today()}" in page.text
    assert "bobs-model" not in page.text


@pytest.mark.requirement("R-78")
def test_a_private_persona_is_named_only_to_whoever_asked_it_and_to_staff(
    visit, used, alice, carol, staff, hermit
):
    used(member=alice, persona=hermit)
    used(member=carol)

    assert hermit.name not in visit(carol).get(OWN).text
    for table in OWN_TABLES:
        url = reverse("studio:usage_own_download", args=[table])
        assert hermit.name not in text_of(visit(carol).get(url))
    assert hermit.name in visit(alice).get(OWN).text
    assert hermit.name in visit(staff).get(SITE).text


@pytest.mark.requirement("M-45", "D-49")
def test_staff_see_the_use_of_all(visit, used, alice, bob, staff):
    used(member=alice)
    used(member=bob, calls=4, model="bobs-model")
    used(member=None, persona=None, config=None, endpoint=None, on_own_key=True)

    page = visit(staff).get(SITE)

    for word in ("@alice", "@bob", "bobs-model", "<dd>6</dd>", "a member who has gone"):
        assert word in page.text
    assert "an endpoint that is gone, members&#x27; own keys" in page.text


@pytest.mark.requirement("M-45")
@pytest.mark.parametrize("address", [SITE, f"{SITE}day.csv", f"{SITE}member.csv"])
def test_the_sites_use_is_for_staff(visit, alice, address):
    assert visit(alice).get(address).status_code == 404
    assert visit().get(address).status_code == 302


@pytest.mark.requirement("M-44", "R-78")
def test_what_is_not_known_is_said_and_is_not_0(visit, used, alice):
    used(member=alice, calls=2, cost_usd=0, unpriced_calls=2)
    used(member=alice, model="other", calls=5, unpriced_calls=1, uncounted_calls=3)

    page = visit(alice).get(OWN)

    assert "<td>unknown</td>" in page.text
    assert "$0.5000; unknown for 3 calls" in page.text
    assert "200 in, 20 out; unknown for 3 calls" in page.text
    assert ">unknown for 1</span>" in page.text
    assert "$0.0000" not in page.text


@pytest.mark.requirement("R-75")
@pytest.mark.parametrize(
    ("days", "calls"), [("7", 1), ("30", 3), ("365", 7), ("", 3), ("x", 3), ("9", 3)]
)
def test_the_period_is_chosen_by_links(visit, used, alice, days, calls):
    for ago, number in ((0, 1), (7, 2), (29, 0), (30, 4), (365, 8)):
        used(member=alice, day=today() - timedelta(days=ago), calls=number)

    page = visit(alice).get(OWN, {"days": days})

    assert f"<dt>Calls</dt><dd>{calls}</dd>" in page.text
    assert '<a href="?days=365"' in page.text


@pytest.mark.requirement("R-78")
def test_a_page_without_use_says_so(visit, alice):
    assert "Nothing has been used since" in visit(alice).get(OWN).text


@pytest.mark.requirement("R-78", "M-45")
@pytest.mark.parametrize(
    ("address", "tables"), [(OWN, OWN_TABLES), (SITE, SITE_TABLES)], ids=["own", "site"]
)
def test_each_table_stands_beside_a_chart_and_a_file(
    visit, used, staff, address, tables
):
    used(member=staff)

    page = visit(staff).get(address).text

    for name in tables:
        assert f'<title id="chart-{name}">' in page
        assert f'href="{address}{name}.csv?days=30"' in page
    assert page.count("<svg") == page.count("<table") == len(tables)
    assert "style=" not in page


@pytest.mark.requirement("R-78", "M-45")
@pytest.mark.parametrize("address", [OWN, SITE], ids=["own", "site"])
def test_a_page_of_many_rows_makes_few_queries(
    visit, staff, make_persona, fake_config, address, django_assert_max_num_queries
):
    personas = [make_persona(f"cook{it}", owner=staff) for it in range(4)]
    DailyUsage.objects.bulk_create(
        DailyUsage(
            key=str(it),
            day=today() - timedelta(days=it % 300),
            member=staff,
            persona=personas[it % 4],
            config=fake_config,
            endpoint=fake_config.endpoint,
            model=f"model-{it % 90}",
            place_kind="subforum",
            place_key=str(it % 70),
            calls=1,
        )
        for it in range(3000)
    )
    browser = visit(staff)

    with django_assert_max_num_queries(8):
        page = browser.get(address, {"days": 365}).text

    assert "<dt>Calls</dt><dd>3,000</dd>" in page
    assert page.count("More rows are in the file.") == 3  # days, models, places
    assert page.count("<tr>") < 8 * 32


@pytest.mark.requirement("D-49")
def test_a_file_holds_all_rows_of_the_period(visit, used, alice, bob):
    for number in range(40):
        used(member=alice, model=f"model-{number:02}", calls=40 - number)
    used(member=alice, model="old", day=today() - timedelta(days=31))
    used(member=bob, model="bobs")

    response = visit(alice).get(f"{OWN}model.csv", {"days": "30"})

    head, *rows = lines(response)
    assert (
        response["Content-Disposition"] == 'attachment; filename="usage-by-model.csv"'
    )
    assert head[:2] == ["Model", "Calls"]
    assert [row[0] for row in rows] == [f"model-{number:02}" for number in range(40)]
    assert rows[0] == [
        "model-00", "40", "100", "10", "0", "0.50000000", "0", str(today()),
    ]  # fmt: skip


@pytest.mark.requirement("D-49")
@pytest.mark.parametrize("table", SITE_TABLES)
def test_a_spreadsheet_takes_no_name_for_a_formula(visit, used, staff, table):
    formula = "=HYPERLINK(1)"
    persona = Persona.objects.first()
    Persona.objects.filter(pk=persona.pk).update(name=formula)
    subforum = Subforum.objects.create(name=formula, slug="formula")
    row = used(
        member=staff,
        persona=persona,
        model=formula,
        place_kind="subforum",
        place_key=str(subforum.pk),
    )
    type(row.config).objects.update(name=formula)
    type(row.endpoint).objects.update(name=formula)

    [_, cells] = lines(visit(staff).get(f"{SITE}{table}.csv"))

    assert not cells[0].startswith(("=", "@"))


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("=1", "'=1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("\rx", "'\rx"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("", ""),
    ],
    ids=["equals", "plus", "minus", "at", "space", "tab", "cr", "wide", "word", "none"],
)
def test_what_a_formula_could_begin_with_is_defused(text, defused):
    assert harmless(text) == defused


@pytest.mark.parametrize("address", [f"{OWN}member.csv", f"{OWN}x.csv", f"{SITE}x.csv"])
def test_a_table_that_is_none_is_not_found(visit, staff, address):
    assert visit(staff).get(address).status_code == 404


@pytest.mark.requirement("D-22", "R-78")
def test_a_try_counts_for_its_tester(visit, draft, bob, alice, fake_config, fake_llm):
    trials.begin_trial(tester=bob, chosen=draft, configs=[fake_config], sample="Why?")
    runner.run_next()

    assert DailyUsage.objects.get().member == bob
    page = visit(bob).get(OWN).text
    assert "the test bench" in page
    assert "Nothing has been used" in visit(alice).get(OWN).text


@pytest.mark.parametrize("how", [{}, {"usage": None}], ids=["counted", "uncounted"])
def test_the_demo_model_costs_nothing_here_as_on_its_receipt(
    visit, draft, bob, fake_config, fake_llm, how
):
    endpoint = fake_config.endpoint
    endpoint.provider = "demo"
    endpoint.site_key = encrypt_site_key("sk-demo", address=endpoint.address)
    endpoint.save()
    fake_llm.answers(**how)
    trials.begin_trial(tester=bob, chosen=draft, configs=[fake_config], sample="Why?")

    runner.run_next()

    request = LLMRequest.objects.get()
    assert request.attempts.get().cost_usd == 0
    assert (
        "<dt>Cost</dt><dd>free</dd>" in visit(bob).get(request.get_absolute_url()).text
    )
    assert "<dt>Cost</dt><dd>$0.0000</dd>" in visit(bob).get(OWN).text


@pytest.mark.requirement("R-75", "R-78", "D-47")
@pytest.mark.parametrize(
    ("shown", "first", "bar"),
    [
        ("calls", "often", ">9<"),
        ("tokens", "long", ">5,010<"),
        ("cost", "dear", ">$7.50<"),
        ("x", "often", ">9<"),
    ],
)
def test_charts_and_rows_are_by_what_is_chosen(visit, used, alice, shown, first, bar):
    used(member=alice, model="often", calls=9)
    used(member=alice, model="long", tokens_in=5000)
    used(member=alice, model="dear", cost_usd=Decimal("7.5"))

    page = visit(alice).get(OWN, {"show": shown, "days": "7"}).text

    section = page[page.index('id="by-model"') : page.index('id="by-config"')]
    assert section.index(first) < min(
        section.index(it) for it in {"often", "long", "dear"} - {first}
    )
    assert bar in section
    assert 'href="?show=cost&amp;days=7"' in page


def test_the_dearest_is_shown_also_where_others_were_called_more_often(
    visit, used, alice
):
    for number in range(40):
        used(member=alice, model=f"model-{number}", calls=9)
    used(member=alice, model="dear", cost_usd=Decimal(90))

    assert "dear" in visit(alice).get(OWN, {"show": "cost"}).text
    assert "dear" not in visit(alice).get(OWN).text


def test_columns_of_many_days_become_weeks():
    chart = charts.columns([(f"day {it}", 1) for it in range(365)])

    assert len(chart.bars) == 53
    assert chart.most == "7"
    assert chart.bars[0].label == "day 0 to day 6"
    assert sum(int(bar.number) for bar in chart.bars) == 365


def test_a_small_number_beside_a_huge_one_can_be_seen():
    chart = charts.columns([("a", 1), ("b", 10**15), ("c", 0)])

    assert [bar.height for bar in chart.bars] == [1, charts.COLUMN_HEIGHT, 0]
