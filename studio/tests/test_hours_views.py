"""Settings > Hours, for staff."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from llmqueue.models import ScheduleWindow
from llmqueue.tests.hours import EVERY_DAY, shut, window
from llmqueue.work import claims

pytestmark = pytest.mark.django_db

LIST = "/settings/hours/"
NEW = f"{LIST}new/"
FORM = {"endpoint": "", "weekdays": ["5"], "start_hour": "22", "end_hour": "6"}
FRIDAY_NIGHT = "Opens on Friday at 22:00, ends on Saturday at 06:00."


@pytest.fixture
def browser(client, staff):
    client.force_login(staff)
    return client


def address(made: ScheduleWindow, act: str = "") -> str:
    return f"{LIST}{made.pk}/{act}"


@pytest.mark.requirement("F-15", "C-15")
def test_hours_are_added_and_said_in_words(browser, staff, settings):
    settings.TIME_ZONE = "Europe/Berlin"

    page = browser.post(NEW, FORM, follow=True)

    assert page.redirect_chain == [(LIST, 302)]
    assert page.text.count(FRIDAY_NIGHT) > 1
    assert "by the clock of Europe/Berlin" in page.text
    made = ScheduleWindow.objects.get()
    assert (made.endpoint, made.weekdays) == (None, [5])
    assert (made.start_hour, made.end_hour, made.made_by) == (22, 6, staff)


@pytest.mark.requirement("F-15")
def test_an_endpoint_gets_hours_of_its_own(browser, fake_endpoint):
    form = FORM | {"endpoint": str(fake_endpoint.pk), "weekdays": ["6", "7"]}

    page = browser.post(NEW, form | {"start_hour": "0", "end_hour": "0"}, follow=True)

    assert ScheduleWindow.objects.get().endpoint == fake_endpoint
    assert fake_endpoint.name in page.text
    assert "Open on Saturday and Sunday, all day." in page.text


@pytest.mark.requirement("F-15")
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"weekdays": []}, "Please choose one day or more."),
        ({"weekdays": ["8"]}, "Select a valid choice"),
        ({"weekdays": ["x"]}, "Select a valid choice"),
        ({"start_hour": ""}, "This field is required"),
        ({"start_hour": "24"}, "Select a valid choice"),
        ({"end_hour": "-1"}, "Select a valid choice"),
        ({"end_hour": "6.5"}, "Select a valid choice"),
        ({"endpoint": "999999"}, "Select a valid choice"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(map(str, value)),
)
def test_what_is_no_hours_is_refused_and_stays_in_the_form(browser, wrong, said):
    page = browser.post(NEW, FORM | wrong)

    assert page.status_code == 422
    assert said in page.text
    if "start_hour" not in wrong:
        assert '<option value="22" selected>' in page.text
    assert not ScheduleWindow.objects.exists()


@pytest.mark.requirement("F-15")
def test_hours_are_changed_switched_off_and_deleted_on_the_record(browser, staff):
    made = window([1], 8, 17)
    form = browser.get(address(made)).text
    assert "Opens on Monday at 08:00, ends at 17:00." in form
    assert '<option value="17" selected>' in form

    page = browser.post(address(made), FORM, follow=True)
    assert FRIDAY_NIGHT in page.text
    for _ in range(2):
        page = browser.post(address(made, "toggle/"), {"enable": "no"}, follow=True)
    assert "These hours are off." in page.text
    assert "The queue is always open" in page.text
    assert FRIDAY_NIGHT in browser.get(address(made, "delete/")).text
    for _ in range(2):
        page = browser.post(address(made, "delete/"), follow=True)

    assert "The hours are deleted." not in browser.get(LIST).text
    assert not ScheduleWindow.objects.exists()
    events = AuditEvent.objects.order_by("pk")
    assert [(it.action, it.actor) for it in events] == [
        ("hours changed", staff),
        ("hours switched_off", staff),
        ("hours deleted", staff),
    ]
    assert events[0].detail["before"]["weekdays"] == [1]
    assert events[0].detail["after"]["weekdays"] == [5]


@pytest.mark.requirement("F-15")
@pytest.mark.parametrize(("name", "status"), [(None, 302), ("alice", 404)])
def test_only_staff_see_and_set_hours(client, request, name, status):
    made = window(EVERY_DAY, 0, 0)
    if name:
        client.force_login(request.getfixturevalue(name))

    assert client.get(LIST).status_code == status
    assert client.post(NEW, FORM).status_code == status
    for act in ("", "toggle/", "delete/"):
        assert client.post(address(made, act), FORM).status_code == status
    assert list(ScheduleWindow.objects.values_list("weekdays", "is_enabled")) == [
        (list(EVERY_DAY), True)
    ]


@pytest.mark.requirement("O-10")
def test_the_list_says_what_is_open_and_what_is_shut(browser, fake_endpoint):
    window(EVERY_DAY, 0, 0)
    opens_at = shut(of=fake_endpoint)

    page = browser.get(LIST).text

    assert "The queue is open at any time." in page
    when = f"{opens_at:%A %-d %B} at 08:00 (UTC)"
    assert f"Calls to {fake_endpoint.name} begin on {when}." in page


@pytest.mark.requirement("C-15")
def test_the_test_of_an_endpoint_is_no_request_and_waits_for_no_hours(
    browser, fake_config, fake_llm
):
    shut()
    fake_llm.always_answers("Well.")

    browser.post(reverse("llmconfig:endpoint_try", args=[fake_config.endpoint.pk]))

    assert fake_llm.calls()
    assert claims.take() is None
