"""The environment is checked at start, and what is wrong is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from forllm.environment import Environment, read_environment

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture
def env() -> Environment:
    return Environment(PROJECT)


@pytest.mark.requirement("R-07")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "change-me"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "not an address"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "http://127.0.0.1"),
        ("LLM_ENCRYPTION_KEYS", "too short"),
        ("DEBUG", "perhaps"),
        ("SITE_URL", "forum.example"),
        ("LLM_LEASE_SECONDS", "soon"),
        ("LLM_LEASE_SECONDS", "-1"),
        ("DATABASE_POOL", "0"),
        ("LLM_PRIVATE_HOSTS", "127.0.0.1"),
        ("RATE_POSTS", "3 in a while"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("EMAIL_URL", "carrier-pigeon://x"),
        ("TIME_ZONE", "Middle-earth/Shire"),
        ("TIME_ZONE", "../etc/passwd"),
        ("TIME_ZONE", "Europe"),
    ],
)
def test_a_wrong_variable_stops_the_start_in_one_line_and_is_named(name, value):
    result = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
    )

    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert name in lines[0]
    if name in ("SECRET_KEY", "DATABASE_URL") and value != "":
        assert value not in lines[0]


@pytest.mark.requirement("R-07")
def test_flags_durations_and_lists_are_read(env, monkeypatch):
    monkeypatch.setenv("A_FLAG", "Yes")
    monkeypatch.setenv("A_TIME", "1.5")
    monkeypatch.setenv("A_LIST", "one, two,")
    monkeypatch.setenv("A_PAIR", "[::1]:80,Local:11434")

    assert env.flag("A_FLAG", default=False) is True
    assert env.duration("A_TIME", default=9).total_seconds() == 1.5
    assert env.words("A_LIST", default=[]) == ["one", "two"]
    assert env.host_ports("A_PAIR", default=[]) == [("::1", 80), ("local", 11434)]


def test_a_socket_stands_in_the_databases_address(env, monkeypatch):
    monkeypatch.setenv("A_URL", "postgres://forllm:p%40ss@%2Frun%2Fforum/forllm")

    found = env.database("A_URL")

    assert (found["HOST"], found["PASSWORD"]) == ("/run/forum", "p@ss")


@pytest.mark.parametrize("data", ["", "var"])
def test_without_a_data_folder_the_embedded_parts_stand_in_var(
    data, tmp_path, monkeypatch
):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "embedded.env").write_text("A_PART=valkey\n")
    monkeypatch.setenv("FORLLM_DATA", data)
    # Set and taken away, so that what is read here is taken back as well.
    monkeypatch.setenv("A_PART", "")
    monkeypatch.delenv("A_PART")

    env = read_environment(tmp_path)

    assert env.text("A_PART") == "valkey"


def test_an_error_never_repeats_the_value(env, monkeypatch):
    monkeypatch.setenv("LLM_ENCRYPTION_KEYS", "a-secret-that-is-no-key")

    with pytest.raises(ImproperlyConfigured) as error:
        env.fernet_keys("LLM_ENCRYPTION_KEYS")

    assert "a-secret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        pytest.param(
            "AI_FEATURES_ENABLED",
            "false",
            "False",
            marks=pytest.mark.requirement("M-31", "M-85"),
        ),
        ("TIME_ZONE", "Europe/Berlin", "Europe/Berlin"),
        pytest.param(
            "SITE_OWNER_USERNAME", "ada", "ada", marks=pytest.mark.requirement("Q-66")
        ),
    ],
)
def test_what_a_site_decides_is_a_variable(name, value, read):
    code = f"from django.conf import settings; print(settings.{name})"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=os.environ | {name: value, "DJANGO_SETTINGS_MODULE": "forllm.settings"},
        capture_output=True,
        text=True,
    )

    assert result.stdout.strip() == read
