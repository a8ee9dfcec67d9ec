"""The providers an endpoint may name, and how each is reached."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Provider:
    """One kind of model service.

    `route` is LiteLLM's name of the protocol, `api_base` the provider's own address
    (blank: the endpoint must give one), `prices` LiteLLM's name in its price table.
    """

    key: str
    label: str
    route: str
    api_base: str
    prices: str = ""
    needs_key: bool = True


# Services with OpenAI's protocol all go one way: a single path to guard and to test.
PROVIDERS = {
    provider.key: provider
    for provider in (
        Provider("openai", "OpenAI", "openai", "https://api.openai.com/v1", "openai"),
        Provider(
            "anthropic",
            "Anthropic",
            "anthropic",
            "https://api.anthropic.com",
            "anthropic",
        ),
        Provider(
            "google",
            "Google Gemini",
            "openai",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "gemini",
        ),
        Provider("groq", "Groq", "openai", "https://api.groq.com/openai/v1", "groq"),
        Provider(
            "openrouter",
            "OpenRouter",
            "openai",
            "https://openrouter.ai/api/v1",
            "openrouter",
        ),
        Provider(
            "mistral", "Mistral", "openai", "https://api.mistral.ai/v1", "mistral"
        ),
        Provider(
            "deepseek", "DeepSeek", "openai", "https://api.deepseek.com/v1", "deepseek"
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
