"""`manage.py setup_site_owner`."""

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent, User
from personas.management.commands import setup_site_owner
from personas.models import Persona, PersonaOwner, Visibility

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _named(settings) -> None:
    settings.SITE_OWNER_USERNAME = "boss"
    settings.SITE_OWNER_EMAIL = "boss@example.com"


def run(*arguments: str) -> list[str]:
    output = io.StringIO()
    call_command("setup_site_owner", *arguments, stdout=output)
    return output.getvalue().splitlines()


@pytest.mark.requirement("Q-13", "Q-14", "Q-16", "Q-17", "Q-18")
def test_the_owner_is_made_and_gets_what_nobody_owns(make_persona, alice):
    make_persona("chef", owner=alice)

    lines = run()

    owner = User.objects.get(email="boss@example.com")
    assert (owner.is_superuser, owner.is_staff, str(owner)) == (True, True, "boss")
    assert not alice.is_superuser
    assert len(lines) == Persona.objects.count() - 1 == 9
    assert lines[0] == "@companion: owner @boss, public"
    assert set(Persona.objects.values_list("visibility", flat=True)) == {"public"}
    chef = PersonaOwner.objects.get(persona__slug="chef")
    assert chef.user == alice
    assert set(AuditEvent.objects.values_list("actor", flat=True)) == {None, alice.pk}


@pytest.mark.requirement("Q-14", "Q-19")
def test_a_second_run_comes_to_the_same():
    first = run("--private", "writer")
    events = AuditEvent.objects.count()

    second = run()

    assert first == second
    assert "@writer: owner @boss, private" in second
    assert (User.objects.count(), AuditEvent.objects.count()) == (1, events)


@pytest.mark.requirement("Q-14")
def test_a_member_of_that_name_becomes_the_owner(make_member):
    boss = make_member("Boss")

    run()

    boss.refresh_from_db()
    assert (boss.is_superuser, boss.is_staff, boss.email) == (
        True,
        True,
        "Boss@example.com",
    )
    assert User.objects.count() == 1
    assert AuditEvent.objects.filter(action="user roles_changed").count() == 1


@pytest.mark.requirement("Q-15")
def test_a_missing_variable_is_named(settings):
    settings.SITE_OWNER_USERNAME = ""

    with pytest.raises(CommandError, match="SITE_OWNER_USERNAME is not set"):
        run()

    assert not User.objects.exists()


@pytest.mark.requirement("Q-15")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("maestro", "taken"),
        ("no such handle", "handle"),
        ("other", "SITE_OWNER_EMAIL"),
        ("gone", "deactivated"),
    ],
)
def test_a_name_that_cannot_be_is_said_and_nothing_is_written(
    settings, make_member, name, reason
):
    settings.SITE_OWNER_USERNAME = name
    settings.SITE_OWNER_EMAIL = "alice@example.com"
    make_member("alice")
    make_member("gone", is_active=False)
    if name in ("maestro", "no such handle"):
        settings.SITE_OWNER_EMAIL = "free@example.com"

    with pytest.raises(CommandError, match=reason):
        run()

    assert not PersonaOwner.objects.exists()
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.requirement("Q-16")
def test_what_was_interrupted_is_completed(monkeypatch):
    adopt, calls = setup_site_owner.adopt, []

    def die_at_the_fourth(**given) -> None:
        calls.append(given)
        if len(calls) == 4:
            raise KeyboardInterrupt
        adopt(**given)

    monkeypatch.setattr(setup_site_owner, "adopt", die_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        run("--private", "maestro", "operations")
    after_it = PersonaOwner.objects.count()
    monkeypatch.setattr(setup_site_owner, "adopt", adopt)

    lines = run("--private", "operations")

    assert after_it == 3
    assert len(lines) == 9
    assert [line for line in lines if line.endswith("private")] == [
        "@maestro: owner @boss, private",
        "@operations: owner @boss, private",
    ]


@pytest.mark.requirement("Q-17")
def test_flags_choose_what_is_public():
    Persona.objects.filter(slug="writer").update(visibility=Visibility.PRIVATE)
    Persona.objects.filter(slug="general").update(visibility=Visibility.PRIVATE)

    lines = run("--public", "@Writer", "--private", "maestro")

    private = {line.split(":")[0] for line in lines if line.endswith("private")}
    assert private == {"@general", "@maestro"}


@pytest.mark.requirement("Q-17")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--private", "nobody"], "No ownerless persona is called @nobody"),
        (["--private", "companion"], "answers when nobody else can"),
        (["--private", "writer", "--public", "writer"], "both public and private"),
    ],
)
def test_a_wrong_choice_stops_before_anything_is_done(arguments, reason):
    with pytest.raises(CommandError, match=reason):
        run(*arguments)

    assert not PersonaOwner.objects.exists()
    assert not User.objects.exists()


@pytest.mark.requirement("Q-17")
def test_a_terminal_is_asked_and_nothing_else(monkeypatch):
    asked = []

    def answer(question: str) -> str:
        asked.append(question)
        return "@writer, maestro"

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    lines = run()
    again = run()

    assert len(asked) == 1
    assert "  [x] @maestro Maestro" in lines
    assert again == lines[-9:]
    assert sum(line.endswith("private") for line in again) == 2


@pytest.mark.requirement("Q-17")
def test_no_input_asks_nothing(monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    assert len(run("--no-input")) == 9


def test_a_persona_that_got_an_owner_meanwhile_is_left_alone(alice, bob, make_persona):
    chef = make_persona("chef", owner=alice)

    setup_site_owner.adopt(persona=chef, member=bob, visibility=Visibility.PRIVATE)

    chef.refresh_from_db()
    assert chef.visibility == "public"
    assert PersonaOwner.objects.get(persona=chef).user == alice
