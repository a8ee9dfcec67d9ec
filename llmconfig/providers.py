"""The providers an endpoint may name, and how each is reached."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Provider:
    """One kind of model service.

    `protocol` is LiteLLM's name for it, `api_base` the provider's own address (blank:
    the endpoint must give one), `prices` LiteLLM's name in its price table. `needs_key`:
    wherever it is; ask `needs_key_at`, which knows the hosts, too. `is_strict`:
    it refuses parameters that OpenAI's protocol does not have. `has_open_list`: it shows
    its list of models to those without a key, too.
    """

    key: str
    label: str
    protocol: str
    api_base: str
    prices: str = ""
    needs_key: bool = True
    is_strict: bool = False
    has_open_list: bool = True

    def needs_key_at(self, address: str) -> bool:
        """Whether it takes no call without a key: by its kind, or by whose host it is."""
        owner = provider_at(address)
        return self.needs_key or bool(owner and owner.needs_key)


# Services with OpenAI's protocol all go one way: a single path to guard and to test.
PROVIDERS = {
    provider.key: provider
    for provider in (
        Provider(
            "openai",
            "OpenAI",
            "openai",
            "https://api.openai.com/v1",
            "openai",
            is_strict=True,
            has_open_list=False,
        ),
        Provider(
            "anthropic",
            "Anthropic",
            "anthropic",
            "https://api.anthropic.com",
            "anthropic",
            has_open_list=False,
        ),
        Provider(
            "google",
            "Google Gemini",
            "openai",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "gemini",
            is_strict=True,
            has_open_list=False,
        ),
        Provider(
            "groq",
            "Groq",
            "openai",
            "https://api.groq.com/openai/v1",
            "groq",
            is_strict=True,
            has_open_list=False,
        ),
        Provider(
            "openrouter",
            "OpenRouter",
            "openai",
            "https://openrouter.ai/api/v1",
            "openrouter",
        ),
        Provider(
            "mistral",
            "Mistral",
            "openai",
            "https://api.mistral.ai/v1",
            "mistral",
            is_strict=True,
            has_open_list=False,
        ),
        Provider(
            "deepseek",
            "DeepSeek",
            "openai",
            "https://api.deepseek.com/v1",
            "deepseek",
            has_open_list=False,
        ),
        Provider(
            "ollama",
            "Ollama",
            "openai",
            "http://127.0.0.1:11434/v1",
            needs_key=False,
        ),
        Provider("tgi", "Text Generation Inference", "openai", "", needs_key=False),
        Provider("compatible", "OpenAI-compatible", "openai", "", needs_key=False),
        Provider("demo", "Demo model", "openai", ""),
    )
}

CHOICES = [(provider.key, provider.label) for provider in PROVIDERS.values()]

_BY_HOST = {
    urlsplit(provider.api_base).hostname: provider
    for provider in PROVIDERS.values()
    if provider.api_base
}


def provider_at(address: str) -> Provider | None:
    """The provider whose own host `address` names, whatever its endpoint is called."""
    return _BY_HOST.get(urlsplit(address).hostname)
