"""What `manage.py up` keeps between its starts."""

import os
import socket
import stat

import pytest
from cryptography.fernet import Fernet

from forllm.embedded import state
from forllm.embedded.errors import StartRefused
from forllm.embedded.options import without_provider_keys
from forllm.embedded.paths import make_data_folder, place, write_private


def test_state_is_the_same_at_the_next_start(tmp_path):
    path = tmp_path / "state.json"
    first = state.load_state(path)
    state.save_state(first, path)

    assert state.load_state(path) == first


def test_state_gets_new_secrets_with_each_new_folder(tmp_path):
    path = tmp_path / "state.json"

    one, other = state.load_state(path), state.load_state(path)

    assert one.secret_key != other.secret_key
    assert one.postgres_password != other.postgres_password
    assert Fernet(one.encryption_key)


def test_state_keeps_what_it_knows_when_something_is_added(tmp_path):
    path = tmp_path / "state.json"
    path.write_text('{"secret_key": "kept", "from_a_later_version": 1}')

    found = state.load_state(path)

    assert found.secret_key == "kept"
    assert found.model_key


def test_state_refuses_a_broken_file(tmp_path):
    path = tmp_path / "state.json"
    path.write_text('{"secret_key": ')

    with pytest.raises(StartRefused, match=r"state\.json cannot be read"):
        state.load_state(path)


def test_write_private_lets_nobody_else_read_and_leaves_no_draft(tmp_path):
    path = tmp_path / "embedded.env"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["embedded.env"]


def test_model_port_stays_until_it_is_taken():
    kept = state.State()
    state.choose_model_port(kept)
    first = kept.model_port
    state.choose_model_port(kept)
    assert kept.model_port == first

    with socket.socket() as other:
        other.bind(("127.0.0.1", first))
        other.listen()
        state.choose_model_port(kept)

    assert kept.model_port != first


def test_place_uses_a_short_folder_when_sockets_would_not_fit(tmp_path):
    data = tmp_path / ("long" * 25)
    data.mkdir()

    paths, short = place(data, None)
    try:
        assert len(str(paths.sockets / ".s.PGSQL.5432")) < 104
        assert place(data, short)[1] == short
    finally:
        os.rmdir(short)


def test_place_does_not_trust_a_short_folder_that_others_may_write(tmp_path):
    data = tmp_path / ("long" * 25)
    data.mkdir()
    taken = tmp_path / "taken"
    taken.mkdir()
    taken.chmod(0o777)

    _, short = place(data, str(taken))

    assert short != str(taken)
    os.rmdir(short)


def test_data_folder_refuses_what_is_not_ours(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")

    with pytest.raises(StartRefused, match="not empty"):
        make_data_folder(tmp_path)


def test_site_environment_holds_no_key_of_a_provider():
    given = {
        "OPENAI_API_KEY": "x",
        "ANTHROPIC_API_KEY": "x",
        "SOME_NEW_API_KEY": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "OPENAI_ORGANIZATION": "x",
        "FRIENDLI_TOKEN": "x",
        "SOME_BASE_URL": "x",
        "SECRET_KEY": "ours",
        "LLM_ENCRYPTION_KEYS": "ours",
        "PATH": "/bin",
    }

    assert without_provider_keys(given) == {
        "SECRET_KEY": "ours",
        "LLM_ENCRYPTION_KEYS": "ours",
        "PATH": "/bin",
    }
