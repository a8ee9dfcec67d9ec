"""One word for each thing: what a page calls people, and what it calls AI characters."""

import re
from pathlib import Path

import pytest
from django.conf import settings

TAG = re.compile(r"{%.*?%}|{#.*?#}|{{.*?}}|<[^>]*>", re.DOTALL)
# What would call somebody of flesh and blood a persona.
OF_PEOPLE = re.compile(
    r"\b(?:user|human|people's?|person's?|forum) personas?\b"
    r"|\bpersonas? (?:of|for|about) (?:you|yourself|a member|members|a user)\b"
    r"|\b(?:you are|you as|yourself as|appear as|act as) (?:a|this|another) persona\b",
    re.IGNORECASE,
)
OF_IDENTITIES = re.compile(
    r"\b(?:your|my|own|new|default|public|this|which) personas?\b", re.IGNORECASE
)


def words_of(path: Path) -> str:
    return " ".join(TAG.sub(" ", path.read_text()).split())


def templates() -> list[Path]:
    return sorted((settings.BASE_DIR / "templates").rglob("*.html"))


def forms() -> list[Path]:
    found = sorted(settings.BASE_DIR.glob("*/forms.py"))
    return found + sorted(settings.BASE_DIR.glob("*/forms/*.py"))


@pytest.mark.requirement("C-13", "Q-11", "R-17")
@pytest.mark.parametrize("path", [*templates(), *forms()], ids=lambda it: it.name)
def test_nobody_but_an_ai_character_is_called_a_persona(path):
    assert OF_PEOPLE.findall(words_of(path)) == []


@pytest.mark.requirement("C-13", "R-17")
def test_how_a_member_presents_themselves_is_called_an_identity():
    about = [path for path in templates() if path.name.startswith("identity_")]
    about += [path for path in forms() if path.name == "identities.py"]
    assert len(about) == 6

    for path in about:
        assert OF_IDENTITIES.findall(words_of(path)) == [], path.name


@pytest.mark.requirement("C-13")
def test_pages_of_accounts_speak_of_no_persona():
    folders = {"account", "accounts"}
    for path in templates():
        # The record of changes tells of AI personas too.
        if path.parent.name in folders and path.name != "audit_list.html":
            assert "persona" not in words_of(path).lower(), path.name
