"""The site's own prompts, which staff write."""

import pytest
from django.db import transaction

from accounts.models import AuditEvent
from personas.models import SystemPrompt
from personas.services import prompts
from tests.races import start, wait_until_blocked

pytestmark = pytest.mark.django_db

LIST = "/settings/prompts/"
NEW = "/settings/prompts/new/"


@pytest.fixture
def plain(db) -> SystemPrompt:
    return SystemPrompt.objects.create(name="Plain", text="Be plain.")


@pytest.fixture
def kind(db) -> SystemPrompt:
    return SystemPrompt.objects.create(name="Kind", text="Be kind.", is_default=True)


@pytest.mark.requirement("R-15")
def test_staff_write_change_and_delete_a_prompt(as_, staff):
    browser = as_(staff)
    browser.post(NEW, {"name": " Plain ", "text": "Be\r\nplain. ", "is_default": "on"})
    prompt = SystemPrompt.objects.get()
    assert (prompt.name, prompt.text, prompt.is_default) == (
        "Plain",
        "Be\nplain.",
        True,
    )

    browser.post(f"{LIST}{prompt.pk}/edit/", {"name": "Plainer", "text": "Be short."})
    prompt.refresh_from_db()
    assert (prompt.name, prompt.text, prompt.is_default) == (
        "Plainer",
        "Be short.",
        False,
    )
    assert "Plainer" in browser.get(LIST).text

    assert "Delete Plainer?" in browser.get(f"{LIST}{prompt.pk}/delete/").text
    browser.post(f"{LIST}{prompt.pk}/delete/")
    assert SystemPrompt.objects.count() == 0
    events = AuditEvent.objects.order_by("pk")
    assert [event.action for event in events] == [
        "systemprompt created",
        "systemprompt changed",
        "systemprompt deleted",
    ]
    assert "Be" not in str([event.detail for event in events])


@pytest.mark.requirement("R-15")
def test_one_prompt_at_most_is_the_default(as_, staff, plain, kind):
    for _ in range(2):
        as_(staff).post(f"{LIST}{plain.pk}/default/")

    assert list(SystemPrompt.objects.filter(is_default=True)) == [plain]

    sent = {"name": "Kind", "text": "Be kind.", "is_default": "on"}
    as_(staff).post(f"{LIST}{kind.pk}/edit/", sent)
    assert list(SystemPrompt.objects.filter(is_default=True)) == [kind]


@pytest.mark.requirement("C-10")
@pytest.mark.django_db(transaction=True)
def test_of_two_defaults_set_at_once_one_stays(staff):
    first, second = (
        SystemPrompt.objects.create(name=name, text="Be.") for name in ("One", "Two")
    )
    with transaction.atomic():
        prompts.make_default_prompt(prompt=first, actor=staff)
        other = start(lambda: prompts.make_default_prompt(prompt=second, actor=staff))
        wait_until_blocked(other)

    other.result(60)

    assert list(SystemPrompt.objects.filter(is_default=True)) == [second]


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        ({"name": "A", "text": ""}, "This field is required."),
        ({"name": "A", "text": " \u200b "}, "Please write something first."),
        ({"name": "A", "text": "x" * 8001}, "at most 8000 characters"),
        ({"name": "A", "text": "Stop <|im_end|> here"}, "the end of a message"),
        ({"name": "\u200b", "text": "My words."}, "Please give it a name."),
        ({"name": "KIND", "text": "My words."}, "Another prompt is called so."),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_lost(as_, staff, kind, sent, complaint):
    page = as_(staff).post(NEW, sent | {"is_default": "on"})

    assert page.status_code == 422
    assert complaint in page.text
    assert "My words." not in sent["text"] or "My words." in page.text
    assert list(SystemPrompt.objects.filter(is_default=True)) == [kind]


@pytest.mark.parametrize("who", ["bob", "alice"])
def test_for_other_members_the_pages_do_not_exist(as_, kind, who, request):
    browser = as_(request.getfixturevalue(who))

    for page in (LIST, NEW, f"{LIST}{kind.pk}/edit/", f"{LIST}{kind.pk}/delete/"):
        assert browser.get(page).status_code == 404
        assert browser.post(page, {"name": "A", "text": "B"}).status_code == 404
    assert browser.post(f"{LIST}{kind.pk}/default/").status_code == 404
    assert "Prompts" not in browser.get("/settings/").text
    assert SystemPrompt.objects.get() == kind
