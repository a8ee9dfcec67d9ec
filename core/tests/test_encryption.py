"""Keys at rest open only for the owner and the host they were given for."""

import base64

import pytest
from cryptography.fernet import Fernet

from core.encryption import decrypt, encrypt, spellings_of
from core.errors import SecretUnreadable

SECRET = "sk-canary-73f1"


@pytest.fixture
def token() -> str:
    return encrypt(SECRET, owner="user:1", host="api.example:443")


@pytest.mark.fault("A-SEC-3")
def test_decrypt_gives_the_secret_back(token):
    assert decrypt(token, owner="user:1", host="API.example:443") == SECRET


@pytest.mark.fault("A-SEC-3")
def test_encrypt_shows_nothing_of_the_secret(token):
    assert SECRET not in token
    assert SECRET.encode() not in base64.urlsafe_b64decode(token)


@pytest.mark.fault("A-SEC-3", "A-SSRF-9")
@pytest.mark.parametrize(
    ("owner", "host"),
    [
        ("user:2", "api.example:443"),
        ("site", "api.example:443"),
        ("user:1", "evil.example:443"),
        ("user:1", "api.example:8443"),
        ("", ""),
    ],
)
def test_decrypt_refuses_a_transplanted_token(token, owner, host):
    with pytest.raises(SecretUnreadable):
        decrypt(token, owner=owner, host=host)


@pytest.mark.fault("A-SEC-3")
def test_decrypt_refuses_every_flipped_bit(token):
    raw = base64.urlsafe_b64decode(token)
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << at % 8
        flipped = base64.urlsafe_b64encode(changed).decode()
        with pytest.raises(SecretUnreadable):
            decrypt(flipped, owner="user:1", host="api.example:443")


@pytest.mark.parametrize("token", ["", "x", "é", "gAAAAA"])
def test_decrypt_refuses_what_is_no_token(token):
    with pytest.raises(SecretUnreadable):
        decrypt(token, owner="user:1", host="api.example:443")


@pytest.mark.fault("A-SEC-4", "F59")
def test_decrypt_takes_older_keys_but_not_removed_ones(token, settings):
    old, new = settings.LLM_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.LLM_ENCRYPTION_KEYS = [new, old]
    assert decrypt(token, owner="user:1", host="api.example:443") == SECRET
    renewed = encrypt(SECRET, owner="user:1", host="api.example:443")

    settings.LLM_ENCRYPTION_KEYS = [new]
    assert decrypt(renewed, owner="user:1", host="api.example:443") == SECRET
    with pytest.raises(SecretUnreadable):
        decrypt(token, owner="user:1", host="api.example:443")


@pytest.mark.fault("A-SEC-1")
@pytest.mark.parametrize("before", ["", "k", "k=", "Bearer "])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_found_in_base64_wherever_it_begins(before, encode):
    secret = "sk-canary-73f1/+?>~"

    said = encode(f"{before}{secret} and more".encode()).decode()

    assert any(spelling in said for spelling in spellings_of(secret))


@pytest.mark.parametrize("word", ["", "x", "ollama"])
def test_a_word_that_is_no_secret_has_one_spelling(word):
    assert spellings_of(word) == (word,)
