"""Settings > Audit says what was done in sentences, with the names that things have now."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.audit_words import SENTENCES
from accounts.services import record
from personas.models import Persona, Visibility
from personas.services import personas

pytestmark = pytest.mark.django_db

LIST = "/settings/audit/"


@pytest.fixture
def hermit(make_persona, alice) -> Persona:
    return make_persona("hermit", owner=alice, visibility=Visibility.PRIVATE)


def headings(page: str) -> list[str]:
    return [re.sub("<.+?>", "", it) for it in re.findall("<h2>(.+?)</h2>", page)]


def test_a_persona_is_named_as_it_is_called_now_and_linked(as_, staff, alice, hermit):
    Persona.objects.filter(pk=hermit.pk).update(name="Anchorite")

    page = as_(staff).get(LIST).text

    assert headings(page) == [
        "@alice published a version of persona Anchorite",
        "@alice made persona Anchorite",
    ]
    assert '<a href="/personas/hermit/">persona Anchorite</a>' in page


def test_the_name_of_what_is_gone_is_gone_from_the_record(as_, staff, alice, hermit):
    hermit_key = hermit.pk
    record(
        actor=staff,
        action="persona changed",
        subject=("persona", hermit_key),
        name="Hermit",
        place="admin",
    )
    personas.delete_persona(persona=hermit, actor=alice)

    page = as_(staff).get(LIST).text

    assert f"@alice deleted persona {hermit_key}" in headings(page)
    assert f"@{staff} changed persona {hermit_key}" in headings(page)
    assert "Hermit" not in page


def test_what_a_fact_is_the_key_of_is_named_too(
    as_, staff, alice, subforum, maestro, fake_config
):
    about = {"subject": ("subforum", subforum.pk), "persona": maestro.pk}
    record(actor=alice, action="subforum default_set", **about)
    record(
        actor=alice,
        action="aisettings default_changed",
        subject=("user", alice.pk),
        before=None,
        after=str(fake_config.pk),
    )

    page = as_(staff).get(LIST).text

    assert headings(page) == [
        "@alice changed the model that answers member @alice",
        f"@alice set the default persona of subforum {subforum.name}",
    ]
    assert f'<dd><a href="{maestro.get_absolute_url()}">Maestro</a></dd>' in page
    assert f'<dd><a href="{fake_config.get_absolute_url()}">Fake model</a></dd>' in page
    assert "<dt>before</dt><dd>none</dd>" in page


@pytest.mark.parametrize("key", ["x", "9" * 30, "-1", "", "1e3", "²"])
@pytest.mark.parametrize("kind", ["persona", "llmconfig", "request", "user"])
def test_a_key_that_is_none_is_shown_as_it_is(as_, staff, kind, key):
    record(actor=staff, action=f"{kind} changed", subject=(kind, key))

    assert as_(staff).get(LIST).status_code == 200


def test_a_page_asks_once_for_all_names_of_a_kind(as_, staff, alice, make_persona):
    browser = as_(staff)
    counts = []
    for handles in (["one"], ["two", "three", "four"]):
        for handle in handles:
            make_persona(handle, owner=alice)
        with CaptureQueriesContext(connection) as queries:
            browser.get(LIST)
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_every_action_has_its_sentence():
    source = "".join(
        path.read_text()
        for app in settings.INSTALLED_APPS
        for path in Path(settings.BASE_DIR, app).rglob("*.py")
        if "tests" not in path.parts
    )

    found = set(re.findall(r'action="([a-z_]+ [a-z_]+)"', source))

    assert len(found) > 20
    assert found <= set(SENTENCES)
    assert all(sentence.count("{}") <= 1 for sentence in SENTENCES.values())
