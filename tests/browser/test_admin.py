"""The admin in a browser, under the site's own content security policy."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts.models import AuditEvent
from forum.models import Subforum
from tests.browser.conftest import sign_in, watch_requests

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.fault("A-XSS-3")
def test_a_superuser_changes_a_subforum_and_no_page_breaks_the_policy(
    page: Page, web, make_member, subforum, fake_config
):
    sign_in(page, make_member("root", is_staff=True, is_superuser=True), web)
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    outside = watch_requests(page.context, web)

    page.goto("/settings/")
    page.get_by_role("link", name="Admin", exact=True).click()
    for link in ("Users", "Subforum personas", "Llm requests"):
        page.get_by_role("link", name=link, exact=True).first.click()
        expect(page.locator("#changelist")).to_be_visible()
        page.goto("/admin/")
    page.get_by_role("link", name="Subforums", exact=True).first.click()
    page.get_by_role("link", name="Kitchen").click()
    page.get_by_label("Description").fill("Hot.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("was changed successfully")
    page.get_by_role("link", name="Kitchen").first.click()
    page.get_by_role("link", name="History").click()

    page.wait_for_url(re.compile("/settings/audit/"))
    expect(page.locator("main")).to_contain_text("changed subforum Kitchen")
    assert Subforum.objects.get().description == "Hot."
    assert AuditEvent.objects.get().detail["fields"] == ["description"]
    assert (complaints, outside) == ([], [])
