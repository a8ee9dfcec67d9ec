"""Rotation of the site's own keys: resumable, safe beside use, and complete."""

from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command

from core.errors import SecretUnreadable
from llmconfig.models import ApiKey, Endpoint
from llmconfig.services import keys, rotation
from tests.own_keys import SITE_KEY, bring_key, bring_site_key

pytestmark = [pytest.mark.django_db, pytest.mark.fault("A-SEC-4", "F59")]


@pytest.fixture
def stored(alice, bob, fake_endpoint) -> Endpoint:
    """Two members' keys and the site's, by the old key."""
    bring_site_key(fake_endpoint)
    bring_key(alice, fake_endpoint, "sk-own-key-of-alice-1111")
    bring_key(bob, fake_endpoint, "sk-own-key-of-bob-22222222")
    return fake_endpoint


@pytest.fixture
def changed(stored, settings) -> tuple[str, str]:
    """The old key and a new one, which stands first."""
    old, new = settings.LLM_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.LLM_ENCRYPTION_KEYS = [new, old]
    return old, new


def rotate(*options: str) -> str:
    said = StringIO()
    call_command("rotate_keys", *options, stdout=said)
    return said.getvalue()


def read(endpoint, alice, bob) -> list[str]:
    endpoint.refresh_from_db()
    return [
        keys.call_secrets(endpoint=endpoint, owner=owner)
        for owner in (None, alice, bob)
    ]


ALL = [SITE_KEY, "sk-own-key-of-alice-1111", "sk-own-key-of-bob-22222222"]


def test_every_key_is_encrypted_anew_and_the_old_key_opens_none(
    stored, changed, alice, bob, settings
):
    old, new = changed

    said = rotate()

    assert "keys of endpoints: 1 encrypted anew, 0 were so already" in said
    assert "members' keys: 2 encrypted anew, 0 were so already" in said
    settings.LLM_ENCRYPTION_KEYS = [new]
    assert read(stored, alice, bob) == ALL
    settings.LLM_ENCRYPTION_KEYS = [old]
    assert keys.count_unreadable() == 3
    with pytest.raises(SecretUnreadable):
        keys.call_secrets(endpoint=stored, owner=alice)


def test_a_second_run_finds_nothing_left(stored, changed):
    rotate()
    before = list(ApiKey.objects.values_list("secret", flat=True))

    assert "members' keys: 0 encrypted anew, 2 were so already" in rotate()
    assert list(ApiKey.objects.values_list("secret", flat=True)) == before


def test_a_dry_run_counts_and_changes_nothing(stored, changed):
    before = list(ApiKey.objects.values_list("secret", flat=True))

    assert "members' keys: 2 to be encrypted anew" in rotate("--dry-run")
    assert list(ApiKey.objects.values_list("secret", flat=True)) == before


def test_an_interrupted_run_is_gone_on_with(stored, changed, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 1)
    run = rotation.rotate()
    while next(run).seen == 0:
        pass
    run.close()  # the endpoint's is done, the members' are not

    assert "keys of endpoints: 0 encrypted anew, 1 were so already" in (
        said := rotate()
    )
    assert "members' keys: 2 encrypted anew" in said


def test_what_no_key_opens_is_named_and_left_as_it_is(stored, changed, alice, settings):
    [mine, theirs] = ApiKey.objects.order_by("pk")
    foreign = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    ApiKey.objects.filter(pk=mine.pk).update(secret=foreign)

    with pytest.raises(CommandError, match=rf"members' keys {mine.pk}\."):
        rotate()

    mine.refresh_from_db()
    assert mine.secret == foreign
    assert ApiKey.objects.get(pk=theirs.pk).secret != theirs.secret


def test_owner_and_host_stay_inside(stored, changed, alice, bob):
    rotate()
    ApiKey.objects.filter(user=bob).update(secret=ApiKey.objects.get(user=alice).secret)

    with pytest.raises(SecretUnreadable):
        keys.call_secrets(endpoint=stored, owner=bob)


def test_without_any_key_it_says_so(stored, settings):
    settings.LLM_ENCRYPTION_KEYS = []

    with pytest.raises(CommandError, match="no key of its own"):
        rotate()


def test_it_prints_no_key(stored, changed):
    said = rotate()

    for secret in (*ALL, *changed, *ApiKey.objects.values_list("secret", flat=True)):
        assert secret not in said
        assert secret[4:-4] not in said
