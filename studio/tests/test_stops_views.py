"""Settings > Site > Stop switch, and what members see of it."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from forum.models import Ask
from llmqueue.models import Stop, StopScope

pytestmark = pytest.mark.django_db

STOPS = "/settings/site/stops/"
FORM = {"scope": "site", "reason": "It costs too much.", "running": "finish"}


@pytest.fixture
def visit(client, staff):
    client.force_login(staff)
    return client


def lift(stop: Stop) -> str:
    return reverse("studio:stop_lift", args=[stop.pk])


@pytest.mark.requirement("M-31", "M-85", "Q-60")
@pytest.mark.parametrize(("name", "status"), [(None, 302), ("alice", 404)])
def test_only_staff_stop_and_lift(client, request, staff, name, status):
    stop = Stop.objects.create(scope="site")
    if name:
        client.force_login(request.getfixturevalue(name))

    assert client.get(STOPS).status_code == status
    assert client.post(STOPS, FORM | {"scope": "site"}).status_code == status
    assert client.post(lift(stop)).status_code == status
    assert list(Stop.objects.active()) == [stop]


@pytest.mark.requirement("M-31", "M-85")
def test_the_whole_site_is_stopped_and_goes_on_on_the_record(visit, staff):
    page = visit.post(STOPS, FORM, follow=True)

    assert "The whole site" in page.text
    assert "It costs too much." in page.text
    assert f"@{staff}" in page.text
    stop = Stop.objects.get()
    assert (stop.scope, stop.set_by, stop.cuts_running) == ("site", staff, False)

    page = visit.post(lift(stop), follow=True)

    assert "Nothing is stopped." in page.text
    stop.refresh_from_db()
    assert stop.lifted_by == staff
    events = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(events) == ["stop set", "stop lifted"]


def test_one_endpoint_persona_or_subforum_is_stopped(
    visit, fake_config, make_persona, subforum, staff
):
    cook = make_persona("cook", owner=staff)
    chosen = {
        "endpoint": str(fake_config.endpoint_id),
        "persona": "@Cook",
        "subforum": str(subforum.pk),
    }
    for scope, field in [
        ("endpoint", "endpoint"),
        ("persona", "persona"),
        ("place", "subforum"),
    ]:
        form = FORM | {"scope": scope, field: chosen[field], "running": "cut"}
        page = visit.post(STOPS, form, follow=True)

    keys = dict(Stop.objects.values_list("scope", "key"))
    assert keys == {
        StopScope.ENDPOINT: chosen["endpoint"],
        StopScope.PERSONA: str(cook.pk),
        StopScope.PLACE: f"subforum {subforum.pk}",
    }
    for name in (fake_config.endpoint.name, cook.name, subforum.name):
        assert name in page.text
    assert all(Stop.objects.values_list("cuts_running", flat=True))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scope": "endpoint"}, "Say which endpoint."),
        ({"scope": "persona"}, "Say which persona."),
        ({"scope": "persona", "persona": "nobody"}, "There is no persona @nobody."),
        ({"scope": "place"}, "Say which subforum."),
        ({"scope": "moon"}, "moon"),
        ({"reason": ""}, "required"),
        ({"running": "x"}, "valid choice"),
    ],
)
def test_a_stop_of_nothing_in_particular_is_refused_and_nothing_is_lost(
    visit, wrong, said
):
    page = visit.post(STOPS, FORM | wrong)

    assert page.status_code == 422
    assert said in page.text
    assert (FORM | wrong)["reason"] in page.text
    assert not Stop.objects.exists()


def test_a_second_press_says_that_it_is_stopped_already(visit):
    visit.post(STOPS, FORM)

    page = visit.post(STOPS, FORM)

    assert page.status_code == 422
    assert "stopped already" in page.text
    assert Stop.objects.count() == 1


def test_a_link_fills_the_form_in(visit, fake_config):
    page = visit.get(f"{STOPS}?scope=endpoint&endpoint={fake_config.endpoint_id}")

    assert f'<option value="{fake_config.endpoint_id}" selected>' in page.text


@pytest.mark.requirement("M-31")
@pytest.mark.parametrize("scope", ["site", "place"])
def test_a_stop_is_said_before_anybody_asks(
    client, alice, topic, subforum, fake_config, scope
):
    key = f"subforum {subforum.pk}" if scope == "place" else ""
    stop = Stop.objects.create(scope=scope, key=key, reason="It costs too much.")
    client.force_login(alice)
    pages = [
        reverse("forum:ask_create", args=[topic.posts.get().pk]),
        f"{topic.get_absolute_url()}who/",
        f"{subforum.get_absolute_url()}who/",
    ]

    for page in pages:
        assert stop.reason in client.get(page).text
    Stop.objects.all().delete()
    for page in pages:
        assert stop.reason not in client.get(page).text


@pytest.mark.requirement("M-31")
@pytest.mark.parametrize("scope", ["site", "persona", "place"])
def test_nobody_may_ask_where_it_is_stopped_and_reads_why(
    client, alice, topic, make_persona, staff, scope
):
    cook = make_persona("cook", owner=staff)
    keys = {"site": "", "persona": cook.pk, "place": f"subforum {topic.subforum_id}"}
    Stop.objects.create(scope=scope, key=keys[scope], reason="Down for the night.")
    client.force_login(alice)
    post = topic.posts.get()

    page = client.post(
        reverse("forum:ask_create", args=[post.pk]), {"persona": cook.pk}
    )

    assert page.status_code == 422
    assert "Down for the night." in page.text
    assert not Ask.objects.exists()


def test_the_forum_goes_on_while_ai_is_stopped(client, alice, topic):
    Stop.objects.create(scope="site", reason="Down for the night.")
    client.force_login(alice)

    answer = client.post(
        reverse("forum:reply_create", args=[topic.posts.get().pk]),
        {"body": "Still here."},
    )

    assert answer.status_code in (200, 302)
    assert topic.posts.count() == 2


def test_the_queue_says_what_is_stopped_to_everybody_but_no_persona(
    client, fake_config, make_persona, staff
):
    hermit = make_persona("hermit", owner=staff)
    endpoint = fake_config.endpoint
    Stop.objects.create(scope="endpoint", key=endpoint.pk, reason="Too slow.")
    Stop.objects.create(scope="persona", key=hermit.pk, reason="A secret reason.")

    page = client.get("/queue/").text

    assert f"Calls to {endpoint.name} are" in page
    assert "Too slow." in page
    assert "A secret reason." not in page
    assert hermit.name not in page
