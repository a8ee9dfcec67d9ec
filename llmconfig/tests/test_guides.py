"""docs/models.md says what the forms say."""

import pytest
from django.conf import settings
from django.urls import reverse

from llmconfig.providers import PROVIDERS

GUIDES = (settings.BASE_DIR / "docs" / "models.md").read_text()


@pytest.mark.requirement("M-35")
@pytest.mark.parametrize("key", sorted(PROVIDERS.keys() - {"demo"}))
def test_the_guides_know_each_provider_s_address_and_keys(key):
    provider = PROVIDERS[key]
    row = next(
        line for line in GUIDES.splitlines() if line.startswith(f"| {provider.label}")
    )

    assert not provider.api_base or f"`{provider.api_base}`" in row
    assert not provider.key_page or f"<https://{provider.key_page}>" in row


def test_the_guides_name_what_the_pages_have(visit, endpoint):
    pages = "".join(
        visit.get(reverse(f"llmconfig:{name}", args=args)).text
        for name, args in (
            ("endpoint_list", []),
            ("endpoint_create", []),
            ("endpoint_edit", [endpoint.pk]),
        )
    )

    for words in (
        "Connect a model", "Ask for its models", "Test and connect", "Make it the default",
        "Test it before it is saved", "Calls at a time", "Change", "Address", "Model",
    ):  # fmt: skip
        assert words in " ".join(GUIDES.split())
        assert words in pages
    assert f"`{reverse('llmconfig:endpoint_create')}`" in GUIDES
