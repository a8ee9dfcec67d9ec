"""Members' own keys: kept encrypted, tried, bound to one host, and forgotten."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from accounts.models import AuditEvent
from core.errors import EncryptionOff, NotAllowed, SecretUnreadable
from llmconfig.errors import KeyGone, TrialFailed, TriedTooOften
from llmconfig.models import ApiKey, Endpoint, KeyState, OpenTo
from llmconfig.services import endpoints, keys, own_keys
from tests.fake_llm import FakeLLM
from tests.own_keys import OWN_KEY, bring_key

OTHER_KEY = "sk-canary-another-own-key-of-55"


def save(user, endpoint, key=OWN_KEY, nickname="") -> str:
    return own_keys.save_key(user=user, endpoint=endpoint, key=key, nickname=nickname)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


@pytest.mark.requirement("R-68", "R-69", "M-12")
@pytest.mark.fault("A-SEC-3")
def test_a_key_is_tried_and_stored_encrypted(alice, place):
    said = save(alice, place, nickname="from work")

    key = ApiKey.objects.get()
    assert "takes the key" in said
    assert (key.nickname, key.last_four, key.state) == ("from work", "r-77", "works")
    assert key.state_at is not None
    everything = json.dumps(list(ApiKey.objects.values()), default=str)
    assert OWN_KEY[:-4] not in everything
    assert OWN_KEY.encode() not in base64.urlsafe_b64decode(key.secret)
    assert keys.call_secrets(endpoint=place, owner=alice) == OWN_KEY


@pytest.mark.requirement("R-69")
def test_another_key_takes_its_place(alice, place, fake_llm):
    save(alice, place, nickname="old")
    ApiKey.objects.update(last_used_at=timezone.now())
    fake_llm.key = OTHER_KEY

    save(alice, place, OTHER_KEY, "new")

    key = ApiKey.objects.get()
    assert (key.nickname, key.last_used_at) == ("new", None)
    assert keys.call_secrets(endpoint=place, owner=alice) == OTHER_KEY
    assert actions()[1::2] == ["own_key added", "own_key replaced"]


def test_a_blank_key_keeps_the_one_there_is(alice, place):
    save(alice, place)

    assert save(alice, place, key="", nickname="mine") == ""

    assert ApiKey.objects.get().nickname == "mine"
    assert keys.call_secrets(endpoint=place, owner=alice) == OWN_KEY
    with pytest.raises(KeyGone):
        save(alice, Endpoint.objects.create(name="B", provider="openai"), key="")


@pytest.mark.requirement("R-73", "M-20")
def test_a_key_that_is_refused_is_not_kept_and_the_old_one_stays(alice, place):
    save(alice, place)

    with pytest.raises(TrialFailed, match="refused the key"):
        save(alice, place, OTHER_KEY)

    assert keys.call_secrets(endpoint=place, owner=alice) == OWN_KEY


@pytest.mark.parametrize("how", [{"status": 503}, {"status": 404}])
def test_a_key_that_cannot_be_tried_is_kept_as_not_tried(alice, place, fake_llm, how):
    fake_llm.always_answers(**how)

    said = save(alice, place)

    assert "not tried" in said or "first reply will show" in said
    assert ApiKey.objects.get().state == KeyState.UNTESTED


@pytest.mark.requirement("M-32")
def test_while_ai_is_off_no_key_is_sent_anywhere(alice, place, fake_llm, settings):
    settings.AI_FEATURES_ENABLED = False

    said = save(alice, place)

    assert "It was not tried: AI is switched off" in said
    with pytest.raises(TrialFailed, match="AI is switched off"):
        own_keys.test_key(user=alice, endpoint=place)
    assert ApiKey.objects.get().state == KeyState.UNTESTED
    assert fake_llm.requests == []


def test_a_list_that_everybody_gets_proves_nothing(alice, place, fake_llm):
    fake_llm.key = ""

    said = save(alice, place)

    assert "to everybody" in said
    assert ApiKey.objects.get().state == KeyState.UNTESTED


@pytest.mark.requirement("R-70")
@pytest.mark.parametrize(
    ("key", "shown"), [("ollama", ""), ("x" * 15, ""), ("y" * 12 + "4321", "4321")]
)
def test_only_of_a_long_key_the_last_four_are_kept(alice, place, fake_llm, key, shown):
    fake_llm.key = ""

    save(alice, place, key)

    assert ApiKey.objects.get().last_four == shown


@pytest.mark.requirement("M-20", "R-73")
def test_testing_writes_down_what_it_showed(alice, place, fake_llm):
    key = bring_key(alice, place, OWN_KEY)

    assert "takes the key" in own_keys.test_key(user=alice, endpoint=place)
    key.refresh_from_db()
    assert key.state == KeyState.WORKS

    fake_llm.key = OTHER_KEY
    with pytest.raises(TrialFailed):
        own_keys.test_key(user=alice, endpoint=place)
    key.refresh_from_db()
    assert key.state == KeyState.REFUSED
    assert key.state_at is not None


@pytest.mark.requirement("M-20")
@pytest.mark.fault("A-DOS-1")
def test_trials_are_limited_for_each_member(alice, bob, place, fake_llm):
    bring_key(alice, place, OWN_KEY)
    bring_key(bob, place, OWN_KEY)
    for _ in range(own_keys.MOST_TRIALS):
        own_keys.test_key(user=alice, endpoint=place)
    asked = len(fake_llm.requests)

    with pytest.raises(TriedTooOften) as refused:
        own_keys.test_key(user=alice, endpoint=place)

    assert timedelta(0) < refused.value.retry_after <= own_keys.TRIAL_WINDOW
    assert "often" in save(alice, place, OTHER_KEY)
    assert len(fake_llm.requests) == asked
    own_keys.test_key(user=bob, endpoint=place)


@pytest.mark.requirement("R-71")
def test_removing_forgets_it(alice, bob, place):
    save(alice, place)
    bring_key(bob, place, OTHER_KEY)

    for _ in range(2):
        own_keys.remove_key(user=alice, endpoint=place)

    assert ApiKey.objects.get().user == bob
    assert actions().count("own_key removed") == 1
    with pytest.raises(KeyGone):
        keys.call_secrets(endpoint=place, owner=alice)
    with pytest.raises(KeyGone):
        own_keys.test_key(user=alice, endpoint=place)


@pytest.mark.requirement("D-55", "O-37")
@pytest.mark.fault("A-SEC-1")
def test_what_is_done_with_keys_is_on_record_and_no_key_is(alice, place, fake_llm):
    save(alice, place, nickname="canary-nickname")
    own_keys.test_key(user=alice, endpoint=place)
    save(alice, place, nickname="canary-nickname")
    own_keys.remove_key(user=alice, endpoint=place)

    assert actions() == [
        "own_key tested",
        "own_key added",
        "own_key tested",
        "own_key tested",
        "own_key replaced",
        "own_key removed",
    ]
    events = list(AuditEvent.objects.values())
    assert {event["actor_id"] for event in events} == {alice.pk}
    assert {event["subject_key"] for event in events} == {str(place.pk)}
    assert "canary" not in str(events)
    assert OWN_KEY[-4:] not in str(events)


@pytest.mark.requirement("D-33")
@pytest.mark.fault("A-SEC-3")
def test_a_key_does_not_open_in_another_row(alice, bob, place):
    """Moved to another member, another endpoint, or into the site's place."""
    mine = bring_key(alice, place, OWN_KEY)
    theirs = bring_key(bob, place, OTHER_KEY)
    ApiKey.objects.filter(pk=theirs.pk).update(secret=mine.secret)
    elsewhere = Endpoint.objects.create(
        name="B", provider="compatible", api_base="https://b.example/v1"
    )
    ApiKey.objects.create(
        user=alice, endpoint=elsewhere, secret=mine.secret, host="b.example:443"
    )
    place.site_key = mine.secret

    for attempt in (
        {"endpoint": place, "owner": bob},
        {"endpoint": elsewhere, "owner": alice},
        {"endpoint": place},
    ):
        with pytest.raises(SecretUnreadable) as refused:
            keys.call_secrets(**attempt)
        assert OWN_KEY not in str(refused.value)


@pytest.mark.requirement("O-37")
@pytest.mark.fault("A-SEC-3", "A-SSRF-9")
def test_a_changed_host_column_opens_nothing(alice, place):
    """Somebody who can write to the database cannot lead a key to a host of theirs."""
    bring_key(alice, place, OWN_KEY)
    ApiKey.objects.update(host="evil.example:443")
    place.api_base = "https://evil.example/v1"

    with pytest.raises(SecretUnreadable):
        keys.call_secrets(endpoint=place, owner=alice)


@pytest.mark.fault("A-SEC-3")
def test_every_flipped_bit_of_a_stored_key_is_refused(alice, place):
    key = bring_key(alice, place, OWN_KEY)
    raw = base64.urlsafe_b64decode(key.secret)
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << at % 8
        flipped = base64.urlsafe_b64encode(changed).decode()
        ApiKey.objects.update(secret=flipped)

        with pytest.raises(SecretUnreadable):
            keys.call_secrets(endpoint=place, owner=alice)


@pytest.mark.fault("A-SSRF-9", "A-SSRF-12")
def test_after_the_endpoint_moved_nothing_is_sent_to_its_new_host(
    alice, place, fake_llm, settings
):
    bring_key(alice, place, OWN_KEY)
    with FakeLLM() as other:
        settings.LLM_PRIVATE_HOSTS.append(("127.0.0.1", other.port))
        endpoints.change_endpoint(
            endpoint=place, name=place.name, api_base=other.address, key="",
            model="fake-1", max_in_flight=4, call_deadline=place.call_deadline,
            actor=None, is_tried=False,
        )  # fmt: skip
        moved = Endpoint.objects.get()

        [slot] = own_keys.slots_of(alice)
        assert f"given for 127.0.0.1:{fake_llm.port}" in slot.problem
        for use in (
            lambda: keys.call_secrets(endpoint=moved, owner=alice),
            lambda: own_keys.test_key(user=alice, endpoint=moved),
        ):
            with pytest.raises(SecretUnreadable, match="given for"):
                use()
        assert other.requests == []


@pytest.mark.requirement("O-37")
@pytest.mark.fault("F59")
def test_without_a_key_of_the_site_s_none_can_be_stored_or_used(alice, place, settings):
    bring_key(alice, place, OWN_KEY)
    before = ApiKey.objects.values().get()
    settings.LLM_ENCRYPTION_KEYS = []

    with pytest.raises(EncryptionOff):
        save(alice, place, OTHER_KEY)
    with pytest.raises(SecretUnreadable, match="off on this site"):
        keys.call_secrets(endpoint=place, owner=alice)

    [slot] = own_keys.slots_of(alice)
    assert not slot.is_open
    assert ApiKey.objects.values().get() == before
    own_keys.remove_key(user=alice, endpoint=place)
    assert not ApiKey.objects.exists()


@pytest.mark.fault("F59")
def test_with_a_wrong_key_of_the_site_s_nothing_is_overwritten(alice, place, settings):
    bring_key(alice, place, OWN_KEY)
    before = ApiKey.objects.values().get()
    right = settings.LLM_ENCRYPTION_KEYS
    settings.LLM_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    with pytest.raises(SecretUnreadable, match="cannot be read"):
        keys.call_secrets(endpoint=place, owner=alice)
    with pytest.raises(SecretUnreadable):
        own_keys.test_key(user=alice, endpoint=place)
    assert keys.count_unreadable() == 1

    assert ApiKey.objects.values().get() == before
    settings.LLM_ENCRYPTION_KEYS = right
    assert keys.call_secrets(endpoint=place, owner=alice) == OWN_KEY
    assert keys.count_unreadable() == 0


@pytest.mark.requirement("C-29", "D-04")
@pytest.mark.parametrize(
    "fields",
    [{"takes_own_keys": False}, {"open_to": OpenTo.MEMBERS}, {"is_enabled": False}],
    ids=["switched-off", "keyless", "disabled"],
)
def test_an_endpoint_that_takes_no_keys_of_members_gets_none(alice, place, fields):
    """One that needs no key is of them: any word would make its calls one's own."""
    Endpoint.objects.update(**fields)
    place.refresh_from_db()

    with pytest.raises(NotAllowed):
        save(alice, place)

    assert own_keys.slots_of(alice) == []


def test_a_use_is_noted_but_not_on_a_key_that_came_later(alice, place):
    key = bring_key(alice, place, OWN_KEY)
    now = timezone.now()

    for began_at in (now - timedelta(minutes=1), now):
        keys.note_call(
            owner=alice, endpoint=place, began_at=began_at, state=KeyState.REFUSED
        )
        key.refresh_from_db()
        is_old = began_at == now
        assert (key.last_used_at == now) == is_old
        assert (key.state == KeyState.REFUSED) == is_old


@pytest.mark.requirement("M-21", "M-10", "C-29")
@pytest.mark.parametrize(
    ("fields", "brings", "who"),
    [
        ({}, False, "all"),
        ({}, True, "all"),
        ({"open_to": OpenTo.VERIFIED}, False, "verified staff"),
        ({"open_to": OpenTo.STAFF}, False, "staff"),
        ({"open_to": OpenTo.NOBODY}, False, ""),
        ({"open_to": OpenTo.NOBODY}, True, "all"),
        ({"open_to": OpenTo.NOBODY, "takes_own_keys": False}, True, ""),
        ({"is_enabled": False}, True, ""),
        ({"provider": "openai"}, False, ""),
        ({"provider": "openai"}, True, "all"),
        ({"provider": "openai", "api_base": "https://moved.example"}, True, ""),
    ],
    ids=str,
)
def test_usable_endpoints_are_those_that_would_answer(
    make_member, bob, staff, fake_endpoint, fields, brings, who
):
    newcomer = make_member("newcomer", is_confirmed=False)
    people = {"sample": newcomer, "verified": bob, "staff": staff}
    if brings:
        for member in people.values():
            bring_key(member, fake_endpoint, OWN_KEY)
    Endpoint.objects.update(**fields)

    usable = {name for name, it in people.items() if own_keys.usable_endpoints(it)}

    assert usable == (set(people) if who == "all" else set(who.split()))
