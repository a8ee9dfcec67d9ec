"""What axe finds on a page, for those who hear it, zoom it or read it in the dark."""

from functools import cache
from typing import Any

from playwright.sync_api import Page
from pytest_playwright_axe import Axe

_COLOURS = ["color-contrast", "link-in-text-block"]


def barriers(page: Page, *, is_dark_clear: bool = False) -> list[str]:
    """What axe finds on the page that is shown, as it is seen in light and in the dark.

    All rules in light; in dark those about colours, as nothing else changes.
    `is_dark_clear`: the dark has the contrast of level AAA.
    """
    colours = [*_COLOURS, *(["color-contrast-enhanced"] if is_dark_clear else [])]
    in_dark = {"runOnly": {"type": "rule", "values": colours}}
    page.evaluate(_axe())
    found = _violations(page, {})
    page.emulate_media(color_scheme="dark")
    found += [f"in dark: {it}" for it in _violations(page, in_dark)]
    page.emulate_media(color_scheme="light")
    return found


@cache
def _axe() -> str:
    return Axe(use_minified_file=True).axe_path.read_text()


def _violations(page: Page, options: dict[str, Any]) -> list[str]:
    result = page.evaluate("options => axe.run(document, options)", options)
    assert result["passes"], page.url
    return [
        f"{page.url}: {entry['id']} {entry['nodes'][0]['html'][:200]}"
        for entry in result["violations"]
    ]
