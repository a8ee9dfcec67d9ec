"""A hand that presses what a person sees on a page."""

import re

from playwright.sync_api import Page

type Name = str | re.Pattern[str]


class Hand:
    """Presses what is seen on the page, and counts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, name: Name, *, role: str = "button") -> None:
        self.actions += 1
        exact = isinstance(name, str)
        main = self.page.locator("main")  # not the site's own links above it
        main.get_by_role(role, name=name, exact=exact).first.click()  # type: ignore[arg-type]

    def follow(self, name: Name) -> None:
        self.press(name, role="link")

    def choose(self, label: Name, option: Name) -> None:
        """One of a list, by what it says."""
        self.actions += 1
        field = self.page.get_by_label(label, exact=isinstance(label, str))
        value = field.locator("option", has_text=option).first.get_attribute("value")
        field.select_option(value)

    def open_site(self, name: Name) -> None:
        """One of the site's own links, which stand above every page."""
        self.actions += 1
        header = self.page.locator("header.site")
        header.get_by_role("link", name=name).click()
