"""Settings > Keys, as members see it."""

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from llmconfig.models import ApiKey, Endpoint
from llmconfig.services import own_keys
from llmconfig.tests.test_own_keys import OTHER_KEY
from tests.fake_llm import FakeLLM
from tests.own_keys import OWN_KEY, bring_key

LIST = "/settings/keys/"


@pytest.fixture
def visit(client, alice):
    client.force_login(alice)
    return client


def at(page: str, endpoint: Endpoint) -> str:
    return reverse(f"llmconfig:key_{page}", args=[endpoint.pk])


@pytest.mark.requirement("R-68", "R-69", "R-70", "M-12", "M-20")
@pytest.mark.fault("A-SEC-1")
def test_a_key_is_added_and_shown_by_its_last_four(visit, place):
    form = visit.get(at("edit", place)).text
    answer = visit.post(
        at("edit", place), {"key": f" {OWN_KEY}\n", "nickname": "work"}, follow=True
    )

    assert 'type="password"' in form
    assert 'autocomplete="off"' in form
    assert "ends in r-77 (work)" in answer.text
    assert "Works" in answer.text
    assert f"127.0.0.1:{place.address.split(':')[2].split('/')[0]}" in answer.text
    for text in (answer.text, visit.get(at("edit", place)).text):
        assert OWN_KEY not in text
        assert OWN_KEY[3:-4] not in text
        assert ApiKey.objects.get().secret not in text


@pytest.mark.requirement("R-73", "M-20")
@pytest.mark.fault("A-SEC-1")
@pytest.mark.parametrize(
    ("key", "words"),
    [
        (OTHER_KEY, "refused the key"),
        ("", "This field is required"),
        ("two words", "This is no key"),
        ("sk-ключ", "This is no key"),
        ("sk-a\r\nX-Evil: 1", "This is no key"),
        ("x" * 501, "at most 500"),
    ],
    ids=["refused", "blank", "spaces", "letters", "lines", "long"],
)
def test_a_key_that_cannot_be_kept_is_an_error_that_does_not_repeat_it(
    visit, place, key, words
):
    answer = visit.post(at("edit", place), {"key": key})

    assert answer.status_code == 422
    assert words in answer.text
    assert not key or key not in answer.text
    assert not ApiKey.objects.exists()


def test_the_nickname_changes_without_the_key(visit, alice, place):
    bring_key(alice, place, OWN_KEY, nickname="old")

    assert 'value="old"' in visit.get(at("edit", place)).text
    visit.post(at("edit", place), {"key": "", "nickname": "new"})

    assert ApiKey.objects.get().nickname == "new"


@pytest.mark.requirement("M-20", "R-73")
def test_the_test_button_says_whether_it_works(visit, alice, place, fake_llm):
    bring_key(alice, place, OWN_KEY)

    assert "takes the key" in visit.post(at("test", place), follow=True).text
    fake_llm.key = OTHER_KEY
    answer = visit.post(at("test", place), follow=True)

    assert "refused the key" in answer.text
    assert "Refused by the provider" in answer.text
    assert visit.get(at("test", place)).status_code == 405


@pytest.mark.requirement("M-20")
@pytest.mark.fault("A-DOS-1")
def test_too_many_tests_are_answered_with_when_to_come_again(visit, alice, place):
    bring_key(alice, place, OWN_KEY)
    for _ in range(own_keys.MOST_TRIALS):
        visit.post(at("test", place))

    answer = visit.post(at("test", place))

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 3601
    assert "The next try is possible in 60 minutes." in answer.text


@pytest.mark.requirement("R-71")
def test_removing_asks_first(visit, alice, place):
    bring_key(alice, place, OWN_KEY)

    assert "Remove your key for Fake?" in visit.get(at("delete", place)).text
    assert ApiKey.objects.exists()
    answer = visit.post(at("delete", place), follow=True)

    assert "Your key for Fake is removed." in answer.text
    assert not ApiKey.objects.exists()
    assert visit.get(at("delete", place)).status_code == 404


@pytest.mark.requirement("D-33")
@pytest.mark.fault("A-IDOR-1")
def test_nobody_meets_another_members_key(visit, bob, place):
    key = bring_key(bob, place, OWN_KEY, nickname="bobs-own")

    page = visit.get(LIST).text
    visit.post(at("delete", place))
    visit.post(at("test", place))

    assert "bobs-own" not in page
    assert "r-77" not in page
    key.refresh_from_db()
    assert key.state == "untested"
    assert not AuditEvent.objects.filter(action="own_key tested").exists()


@pytest.mark.requirement("O-37")
@pytest.mark.fault("F59")
def test_without_a_key_of_the_site_s_the_page_says_why_keys_are_off(
    visit, alice, place, settings
):
    bring_key(alice, place, OWN_KEY)
    settings.LLM_ENCRYPTION_KEYS = []

    page = visit.get(LIST)

    assert "Keys of members are off on this site" in page.text
    assert "LLM_ENCRYPTION_KEYS" in page.text
    assert visit.get(at("edit", place)).status_code == 404
    assert visit.post(at("edit", place), {"key": OTHER_KEY}).status_code == 404
    for address in ("/", "/queue/", "/settings/"):
        assert visit.get(address).status_code == 200


@pytest.mark.fault("F59")
def test_without_a_key_of_the_site_s_staff_are_told_where_they_enter_one(
    client, staff, place, settings
):
    settings.LLM_ENCRYPTION_KEYS = []
    client.force_login(staff)
    values = {"provider": "compatible", "address": place.api_base, "key": OWN_KEY,
              "model": "fake-1", "is_tried": "on"}  # fmt: skip

    answer = client.post(reverse("llmconfig:endpoint_create"), values)

    assert answer.status_code == 422
    assert "no key of its own to encrypt them with" in answer.text
    assert client.get(reverse("llmconfig:endpoint_list")).status_code == 200


@pytest.mark.requirement("D-33")
@pytest.mark.fault("A-SSRF-9", "A-SSRF-10")
def test_what_else_is_sent_with_the_form_leads_a_key_nowhere(
    visit, alice, bob, place, fake_llm, settings
):
    with FakeLLM() as other:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", other.port))
        there = dict.fromkeys(
            ("address", "api_base", "base_url", "host", "provider"), other.address
        )
        rest = {"user": bob.pk, "owner": bob.pk, "endpoint": 0, "state": "works"}

        visit.post(at("edit", place), {"key": OWN_KEY} | there | rest)

        assert other.requests == []
    key = ApiKey.objects.get()
    assert (key.user, key.endpoint) == (alice, place)
    assert key.host == f"127.0.0.1:{fake_llm.port}"


@pytest.mark.fault("A-SSRF-9")
def test_the_page_says_when_the_endpoint_has_moved(visit, alice, place):
    bring_key(alice, place, OWN_KEY)
    Endpoint.objects.update(api_base="https://moved.example/v1")

    page = visit.get(LIST).text

    assert "Your key was given for 127.0.0.1:" in page
    assert "is at moved.example:443 now" in page
    assert "Test<" not in page
    answer = visit.post(at("edit", place), {"key": "", "nickname": "x"})
    assert "This field is required" in answer.text


def test_a_key_whose_endpoint_takes_none_any_more_can_still_be_removed(
    visit, alice, place
):
    bring_key(alice, place, OWN_KEY)
    Endpoint.objects.update(takes_own_keys=False)

    assert "takes no keys of members at the moment" in visit.get(LIST).text
    assert visit.get(at("edit", place)).status_code == 404
    visit.post(at("delete", place))

    assert not ApiKey.objects.exists()


@pytest.mark.requirement("C-29", "M-10")
def test_staff_say_who_may_use_an_endpoint(client, staff, place):
    client.force_login(staff)
    address = reverse("llmconfig:endpoint_edit", args=[place.pk])
    values = {"name": "Fake", "address": place.api_base, "model": "fake-1",
              "max_in_flight": "4", "deadline_seconds": "30"}  # fmt: skip

    client.post(address, values | {"open_to": "staff"})

    place.refresh_from_db()
    assert (place.open_to, place.takes_own_keys) == ("staff", False)
    event = AuditEvent.objects.latest("pk")
    assert {"open_to", "takes_own_keys"} <= set(event.detail["fields"])
    assert "Staff only" in client.get(reverse("llmconfig:endpoint_list")).text
    client.post(address, values | {"open_to": "everybody"})
    place.refresh_from_db()
    assert place.open_to == "staff"


@pytest.mark.requirement("C-29")
@pytest.mark.fault("A-SSRF-9")
def test_staff_are_told_how_many_keys_another_host_stops_before_it_is_saved(
    client, staff, alice, bob, place
):
    bring_key(alice, place, OWN_KEY)
    bring_key(bob, place, OWN_KEY)
    client.force_login(staff)
    address = reverse("llmconfig:endpoint_edit", args=[place.pk])
    moved = "https://moved.example/v1"
    values = {"name": "Fake", "address": moved, "model": "fake-1",
              "max_in_flight": "4", "deadline_seconds": "30"}  # fmt: skip
    assert "stops_keys" not in client.get(address).text

    warned = client.post(address, values)

    assert warned.status_code == 422
    assert "2 members have keys for the address as it is." in warned.text
    place.refresh_from_db()
    assert place.api_base != moved
    client.post(address, values | {"stops_keys": "on"})
    place.refresh_from_db()
    assert place.api_base == moved


def test_another_path_at_the_same_host_warns_of_nothing(client, staff, alice, place):
    bring_key(alice, place, OWN_KEY)
    client.force_login(staff)
    address = reverse("llmconfig:endpoint_edit", args=[place.pk])
    values = {"name": "Fake", "address": f"{place.api_base}/x", "model": "fake-1",
              "max_in_flight": "4", "deadline_seconds": "30"}  # fmt: skip

    assert client.post(address, values).status_code == 302
